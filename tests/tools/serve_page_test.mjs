// serve_page_test.mjs PROGRAM CHROMIUM [SCREENSHOTS]: starts `headstart serve`, drops photos on its page in a headless Chromium, and
// compares what it shows with `headstart predict`.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { openPage, startBrowser } from "./browser.mjs";

const [program, chromium, screenshots] = process.argv.slice(2);
const photo = join(dirname(fileURLToPath(import.meta.url)), "../data/image/orientation_1.jpg");
const work = mkdtempSync(join(tmpdir(), "headstart_serve."));
const environment = { ...process.env, HEADSTART_CACHE: join(work, "cache"), OMP_WAIT_POLICY: "passive" };

const hostile = `</script><img src=x onerror="window.hacked = 1">`;
const names = join(work, "names.txt");
writeFileSync(names, `${hostile}\nplain\na name so long that it has to be broken into several lines on a narrow screen\n`);
const model = ["resnet20_cifar", "--classes", "3", "--weights", "none", "--seed", "5", "--class-index", names];

// The server and its address, from the line that it begins with.
async function startServer() {
  const server = spawn(program, ["serve", ...model, "--port", "0"], { env: environment, stdio: ["ignore", "ignore", "pipe"] });
  let text = "";
  const address = await new Promise((resolve, reject) => {
    server.once("exit", () => reject(new Error(`the server ended: ${text}`)));
    server.stderr.on("data", (chunk) => {
      text += chunk;
      const found = text.match(/http:\/\/\S+/);
      if (found) resolve(found[0]);
    });
  });
  return { server, address };
}

// As a person drops files: bytes that the page is given in a DataTransfer.
const dropped = (files) => `(() => {
  const transfer = new DataTransfer();
  for (const [name, type, base64] of ${JSON.stringify(files)}) {
    const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    transfer.items.add(new File([bytes], name, { type }));
  }
  document.querySelector(".drop").dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
})()`;
const bytes = readFileSync(photo);
const good = [hostile.replaceAll("/", ":") + ".jpg", "image/jpeg", bytes.toString("base64")];
const broken = ["broken.jpg", "image/jpeg", bytes.subarray(0, 300).toString("base64")];

async function open(page, address) {
  await page.go(address);
  await page.until("document.querySelector('#about')?.textContent.includes('parameters')");
}

async function checkPrediction(page) {
  const answer = JSON.parse(execFileSync(program, ["predict", ...model, photo, "--json"], { encoding: "utf8", env: environment }));
  const expected = answer.predictions[0].classes.map((one) => [one.name, `${(100 * one.probability).toFixed(1)} %`]);
  await page.evaluate(dropped([good]));
  await page.until("document.querySelectorAll('.class').length === 3");
  const shown = await page.evaluate(
    "[...document.querySelectorAll('.class')].map((one) => [one.querySelector('.name').textContent, one.querySelector('.share').textContent])",
  );
  assert.deepEqual(shown, expected);
  assert.equal(await page.evaluate("document.querySelector('h2').textContent"), good[0]);
  assert.equal(await page.evaluate("document.querySelector('#status').textContent"), "1 photo");
  assert.equal(await page.evaluate("window.hacked"), undefined);
}

// A class shows its evidence, and again the photo; by the mouse and by the keyboard.
async function checkEvidence(page) {
  const source = () => page.evaluate("document.querySelector('.thumb img').src");
  const before = await source();
  await page.click(".class");
  await page.until("document.querySelector('.said').textContent.includes('Grad-CAM') || document.querySelector('.said').textContent.includes('nothing speaks')");
  assert.notEqual(await source(), before);
  await page.until("document.querySelector('.thumb img').naturalWidth > 0");
  assert.equal(await page.evaluate("document.querySelectorAll('.class[aria-pressed=\"true\"]').length"), 1);
  await page.press("Tab");
  assert.ok(await page.evaluate("document.activeElement === document.querySelectorAll('.class')[1]"), "Tab goes to the next class");
  assert.notEqual(await page.evaluate("getComputedStyle(document.activeElement).outlineStyle"), "none");
  await page.press("Enter");
  await page.until("document.querySelectorAll('.class')[1].ariaPressed === 'true'");
  await page.press("Enter");
  await page.until("document.querySelectorAll('.class[aria-pressed=\"true\"]').length === 0");
  assert.equal(await source(), before);
}

async function checkBroken(page) {
  await page.evaluate(dropped([broken, good]));
  await page.until("document.querySelectorAll('article').length === 5 && document.querySelectorAll('.class').length === 12");
  await page.until("document.querySelector('.failed')?.textContent.includes('truncated')");
  await page.click(".clear");
  assert.equal(await page.evaluate("document.querySelectorAll('article').length"), 0);
}

async function checkWidths(page, address) {
  for (const width of [390, 1400]) {
    for (const scheme of ["light", "dark"]) {
      await page.show({ width, height: 900, scheme });
      await open(page, address);
      await page.evaluate(dropped([good, good, good]));
      await page.until("document.querySelectorAll('.class').length === 9");
      await page.click(".class");
      await page.until("document.querySelector('.said').textContent.match(/Grad-CAM|nothing/) !== null");
      const wide = await page.evaluate("document.documentElement.scrollWidth");
      assert.ok(wide <= width, `${wide} wide at ${width}`);
      if (screenshots) await page.screenshot(join(screenshots, `serve_${width}_${scheme}.png`));
    }
  }
}

const { server, address } = await startServer();
const browser = await startBrowser(chromium);
try {
  const page = await openPage(browser);
  await page.show({ width: 1400, height: 900, scheme: "light" });
  await open(page, address);
  await checkPrediction(page);
  await checkEvidence(page);
  await checkWidths(page, address);
  assert.deepEqual(page.complaints, [], "the console is silent");
  await checkBroken(page);
} finally {
  await browser.close();
  server.kill();
  rmSync(work, { recursive: true, force: true });
}
