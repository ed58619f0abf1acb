// build.mjs OUTPUT: bundles src/ with its libraries to one script, with the libraries' licences at its head.
import { build } from "esbuild";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const result = await build({
  entryPoints: ["src/main.ts"],
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2022",
  charset: "utf8",
  loader: { ".css": "text" },
  legalComments: "none", // whole licences stand at the head
  metafile: true,
  outfile: "explore.js",
  write: false,
});

// The packages that are in the bundle, each with its licence.
const packages = [...new Set(Object.keys(result.metafile.inputs).map((path) => path.match(/node_modules\/((?:@[^/]+\/)?[^/]+)/)?.[1]))]
  .filter(Boolean)
  .sort();
const licences = packages.map((name) => {
  const folder = join("node_modules", name);
  const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const file = readdirSync(folder).find((one) => /^licen[cs]e/i.test(one));
  if (!file || !existsSync(join(folder, file))) throw new Error(`${name} has no licence file`);
  return `${name} ${version}\n\n${readFileSync(join(folder, file), "utf8").trim()}`;
});
const head = `/*! The page of headstart explore, with these libraries:\n\n${licences.join("\n\n---\n\n")}\n*/\n`;
const script = head + result.outputFiles[0].text;
if (/<\/script|<!--/i.test(script)) throw new Error("the bundle would end the script element that it stands in");

const output = process.argv[2] ?? "dist/explore.js";
writeFileSync(output, script);
console.log(`${output}: ${script.length} characters, ${packages.join(", ")}`);
