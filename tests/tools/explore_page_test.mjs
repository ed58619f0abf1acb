// explore_page_test.mjs PROGRAM CHROMIUM [SCREENSHOTS]: makes pages with `headstart explore`, opens them in a headless Chromium and
// clicks through: no complaint on the console, every number that the page computes is the one the network computed, and
// what stands under the pointer is what `headstart features` writes.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { openPage, startBrowser } from "./browser.mjs";

const [program, chromium, screenshots] = process.argv.slice(2);
const photo = join(dirname(fileURLToPath(import.meta.url)), "../data/image/orientation_1.jpg");
const work = mkdtempSync(join(tmpdir(), "headstart_explore."));
const environment = { ...process.env, HEADSTART_CACHE: join(work, "cache"), OMP_WAIT_POLICY: "passive" };
const run = (...args) => execFileSync(program, args, { encoding: "utf8", env: environment, stdio: ["ignore", "pipe", "pipe"] });

const hostile = `</script><script>window.hacked = 1</script><img src=x onerror="window.hacked = 1">`;
const names = join(work, "names.txt");
writeFileSync(names, `${hostile}\nplain\n</title><!--\n`);

const mobilenet = ["mobilenet", "--alpha", "0.25", "--input-size", "64", "--classes", "3", "--weights", "none", "--seed", "5"];
// Between them they have every layer that the page explains.
const networks = {
  mobilenet: [...mobilenet, "--class-index", names],
  cnn: ["cnn_28", "--weights", "none"],
  resnet: ["resnet20_cifar", "--weights", "none"],
  squeezenet: ["squeezenet", "--input-size", "64", "--weights", "none", "--no-top"],
  efficientnet: ["efficientnet_b0", "--input-size", "64", "--classes", "4", "--weights", "none", "--channels", "6"],
  shufflenet: ["shufflenet_v2_x0_5", "--input-size", "64", "--classes", "4", "--weights", "none", "--channels", "6"],
  googlenet: ["googlenet", "--input-size", "64", "--classes", "4", "--weights", "none", "--channels", "6"],
  xception: ["xception", "--input-size", "75", "--classes", "4", "--weights", "none", "--channels", "4"],
  transformer: ["vit_tiny_patch16_224", "--classes", "4", "--weights", "none", "--channels", "6"],
  swin: ["swin_t", "--input-size", "64", "--classes", "4", "--weights", "none", "--channels", "6"],
};

// A float32 array as NumPy writes it.
function readNpy(file) {
  const bytes = readFileSync(file);
  const start = 10 + bytes.readUInt16LE(8);
  const shape = bytes.toString("latin1", 10, start).match(/\(([^)]*)\)/)[1].split(",").filter((part) => part.trim() !== "").map(Number);
  return { shape, values: new Float32Array(bytes.buffer.slice(bytes.byteOffset + start, bytes.byteOffset + bytes.length)) };
}

const number = (text) => Number(text.replaceAll("−", "-"));

async function open(page, file, hash = "") {
  await page.go(`file://${file}${hash}`);
  await page.until("window.headstart !== undefined");
}

// Every layer's arithmetic, forwards and backwards, against what the network computed.
async function checkNumbers(page, name) {
  const { compared, untold, untoldTypes, differences } = await page.evaluate("window.headstart.check(6, 1e-3)");
  assert.deepEqual(differences, [], `${name}: the page's arithmetic differs from the network`);
  assert.ok(compared > 100 && compared > 4 * untold, `${name}: ${compared} compared, not to be told: ${JSON.stringify(untoldTypes)}`);
  return compared;
}

// A tenth of the layers, chosen one after the other in both directions: none makes the page wider than the screen.
const wideLayers = `(() => {
  const cards = [...document.querySelectorAll(".card")];
  const wide = [];
  for (const direction of document.querySelectorAll(".switch input")) {
    direction.click();
    for (let i = 0; i < cards.length; i += 10) {
      cards[i].click();
      if (document.documentElement.scrollWidth > innerWidth) wide.push(cards[i].ariaLabel);
    }
  }
  return wide;
})()`;

async function checkWidths(page, file, name) {
  for (const width of [390, 1400]) {
    for (const scheme of ["light", "dark"]) {
      await page.show({ width, height: 900, scheme });
      await open(page, file);
      const wide = await page.evaluate("document.documentElement.scrollWidth");
      assert.ok(wide <= width, `${name}: ${wide} wide at ${width}`);
      assert.deepEqual(await page.evaluate(wideLayers), [], `${name}: layers too wide at ${width}`);
      if (screenshots) await page.screenshot(join(screenshots, `${name}_${width}_${scheme}.png`));
    }
  }
}

// What the pointer shows on a convolution is what another command computes of the model as it is.
async function checkPointer(page, file) {
  const output = join(work, "conv1.npy");
  run("features", ...mobilenet, photo, "--layer", "conv1", "--precision", "f32", "--out", output);
  const { shape, values } = readNpy(output);
  await page.show({ width: 1400, height: 900, scheme: "light" });
  await open(page, file);
  await page.click('.card[aria-label^="conv1,"]');
  assert.equal(await page.evaluate("document.querySelector('.heading h2').textContent"), "conv1");
  const channels = await page.evaluate("[...document.querySelectorAll('.thumb')].map((one) => Number(one.dataset.channel))");
  for (const [channel, row, column] of [[channels[0], 3, 5], [channels[2], 30, 11], [channels.at(-1), 17, 31]]) {
    await page.click(`.thumb[data-channel="${channel}"]`);
    await page.pointAt(".large", (column + 0.5) / shape[2], (row + 0.5) / shape[1]);
    await page.until(`window.headstart.state().position === ${row * shape[2] + column}`);
    await page.until("document.querySelector('.where').textContent.includes('row')");
    const stored = Number(await page.evaluate("document.querySelector('[data-stored]').dataset.stored"));
    const shown = number(await page.evaluate("document.querySelector('.result b').textContent"));
    const expected = values[(row * shape[2] + column) * shape[3] + channel];
    assert.ok(Math.abs(stored - expected) <= 1e-4 * Math.max(1e-2, Math.abs(expected)), `conv1 ${channel} ${row} ${column}: ${stored}, not ${expected}`);
    assert.ok(Math.abs(shown - expected) <= 1e-3 * Math.max(1e-2, Math.abs(expected)), `conv1 shows ${shown}, not ${expected}`);
    assert.ok(await page.evaluate("document.querySelector('.agrees') !== null"));
    // Three 3 x 3 grids: window, kernel, products.
    assert.equal(await page.evaluate("document.querySelectorAll('.tile').length"), 27);
  }
}

// The corner of a shifted window attention: what was rolled in from the other side is faded, the rest framed.
async function checkWindows(page, file) {
  await page.show({ width: 1400, height: 900, scheme: "light" });
  await open(page, file);
  await page.click('.card[aria-label^="features.1.1.attn,"]');
  await page.click(".thumb");
  await page.pointAt(".large", 0.5 / 21, 0.5 / 21);
  await page.until("window.headstart.state().position === 0");
  await page.until("document.querySelectorAll('.tile').length === 3 * 49");
  assert.equal(await page.evaluate("document.querySelectorAll('.tile.outside').length"), 3 * (49 - 9));
  assert.ok(await page.evaluate("document.querySelector('.agrees') !== null"));
  const framed = await page.evaluate("Number.parseFloat(document.querySelector('.source .window').style.width)");
  assert.ok(Math.abs(framed - 300 / 21) < 0.1, `three of 21 columns are framed, not ${framed} %`);
}

async function checkKeys(page, file) {
  await open(page, file);
  await page.evaluate("document.querySelector('.card[aria-current]').focus()");
  const layer = () => page.evaluate("window.headstart.state().layer");
  const before = await layer();
  await page.press("ArrowDown");
  assert.equal(await layer(), before + 1);
  assert.ok(await page.evaluate("document.activeElement.matches('.card[aria-current]:focus-visible')"));
  assert.notEqual(await page.evaluate("getComputedStyle(document.activeElement).outlineStyle"), "none");
  await page.press("ArrowUp");
  assert.equal(await layer(), before);
  await page.evaluate("document.querySelector('.thumb[tabindex=\"0\"]').focus()");
  await page.press("ArrowRight");
  await page.press("Enter");
  await page.evaluate("document.querySelector('.large').focus()");
  const position = await page.evaluate("window.headstart.state().position");
  await page.press("ArrowRight");
  await page.until(`window.headstart.state().position === ${position + 1}`);
  assert.equal(await page.evaluate("document.querySelectorAll('.card[tabindex=\"0\"]').length"), 1, "one card in the tab order");
}

async function checkBackward(page, file) {
  await open(page, file);
  await page.click('input[value="gradients"]');
  assert.match(await page.evaluate("document.querySelector('.panel').textContent"), /How one gradient is computed/);
  await page.click('.card[aria-label^="conv1,"]');
  assert.ok(await page.evaluate("document.querySelector('.agrees') !== null"));
  assert.match(await page.evaluate("document.querySelector('.section h4').textContent"), /back from/);
}

async function checkHostileNames(page) {
  const text = await page.evaluate("document.body.textContent");
  assert.ok(text.includes(hostile), "the name of the class stands as it is");
  assert.equal(await page.evaluate("window.hacked"), undefined);
  assert.equal(await page.evaluate("document.querySelectorAll('img[src=x]').length"), 0);
}

const browser = await startBrowser(chromium);
try {
  const page = await openPage(browser);
  for (const [name, options] of Object.entries(networks)) {
    const file = join(work, `${name}.html`);
    run("explore", ...options, photo, "--out", file);
    await page.show({ width: 1400, height: 900, scheme: "light" });
    await open(page, file);
    console.log(`${name}: ${await checkNumbers(page, name)} numbers agree`);
    if (name === "mobilenet") {
      await checkHostileNames(page);
      await checkPointer(page, file);
      await checkKeys(page, file);
      await checkBackward(page, file);
    }
    if (name === "swin") await checkWindows(page, file);
    if (["mobilenet", "transformer", "swin"].includes(name)) await checkWidths(page, file, name);
    assert.deepEqual(page.complaints, [], `${name}: the console is silent`);
  }
} finally {
  await browser.close();
  rmSync(work, { recursive: true, force: true });
}
