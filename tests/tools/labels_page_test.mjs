// labels_page_test.mjs PROGRAM CHROMIUM [SCREENSHOTS]: lets `headstart labels` write its page for a few pictures, decides on it in a
// headless Chromium as a person would, saves the list, and lets `headstart relabel` apply it.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { deflateSync } from "node:zlib";
import { openPage, startBrowser } from "./browser.mjs";

const [program, chromium, screenshots] = process.argv.slice(2);
const work = mkdtempSync(join(tmpdir(), "headstart_labels."));
const photos = join(work, "photos");
const run = (...words) =>
  execFileSync(program, words, { encoding: "utf8", env: { ...process.env, HEADSTART_CACHE: join(work, "cache"), OMP_WAIT_POLICY: "passive" }, stdio: ["ignore", "pipe", "ignore"] });

function checksum(bytes) {
  let sum = ~0;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; ++bit) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
  }
  return ~sum >>> 0;
}

function png(red, green, blue, side = 32) {
  const chunk = (name, data) => {
    const body = Buffer.concat([Buffer.from(name), data]);
    const frame = Buffer.alloc(8);
    frame.writeUInt32BE(data.length, 0);
    frame.writeUInt32BE(checksum(body), 4);
    return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const row = [0, ...Array.from({ length: side }, (_, x) => [red, (green + x) % 256, blue]).flat()];
  const rows = Buffer.from(Array.from({ length: side }, () => row).flat());
  return Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), chunk("IHDR", header), chunk("IDAT", deflateSync(rows)), chunk("IEND", Buffer.alloc(0))]);
}

const hostile = `blue, <img src=x onerror="window.hacked = 1"> & 'co'`;
const classes = { [hostile]: (i) => [i, 0, 220], red: (i) => [220, 0, i], green: (i) => [i, 210, i] };

function makePhotos() {
  for (const [name, colour] of Object.entries(classes)) {
    mkdirSync(join(photos, name), { recursive: true });
    for (let i = 0; i < 30; ++i) writeFileSync(join(photos, name, `${i}.png`), png(...colour(2 * i)));
  }
  for (let i = 0; i < 2; ++i) writeFileSync(join(photos, hostile, `red, ${i}.png`), png(225, 0, 10 + i));
  for (let i = 0; i < 2; ++i) writeFileSync(join(photos, "green", `blue "${i}".png`), png(10 + i, 0, 225));
}

async function checkLooks(page) {
  for (const scheme of ["light", "dark"]) {
    for (const width of [360, 1280]) {
      await page.show({ width, height: 900, scheme });
      assert.equal(await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), true, `${width} ${scheme}`);
      if (screenshots) await page.screenshot(join(screenshots, `labels_${width}_${scheme}.png`));
    }
  }
}

// Which card shows a file, as a selector.
const card = (name) => `.card[data-path$=${JSON.stringify(name)}]`;
const action = (page, name) => page.evaluate(`document.querySelector(${JSON.stringify(card(name))}).dataset.action`);

async function decide(page) {
  assert.equal(await page.evaluate("[...document.images].every((one) => one.complete && one.naturalWidth > 0)"), true);
  await page.click(`${card("red, 0.png")} button[value=keep]`);
  await page.click(`${card("red, 1.png")} button[value=relabel]`);
  await page.click(`${card('blue "0".png')} button[value=relabel]`);
  await page.click(`${card('blue "0".png')} button[value=relabel]`); // taken back
  assert.equal(await action(page, 'blue "0".png'), "");
  await page.click(`${card('blue "1".png')} img`);
  await page.press("x");
  assert.equal(await action(page, 'blue "1".png'), "remove");
  assert.match(await page.evaluate("document.getElementById('state').textContent"), /^3 of \d+ decided$/);
  await page.evaluate(`(() => { const select = document.querySelector(${JSON.stringify(card('blue "0".png') + " select")});
    select.value = "red"; select.dispatchEvent(new Event("change", { bubbles: true })); })()`);
  assert.equal(await action(page, 'blue "0".png'), "relabel");
}

async function saved(page, browser) {
  const downloads = join(work, "downloads");
  mkdirSync(downloads);
  await browser.send("Browser.setDownloadBehavior", { behavior: "allow", downloadPath: downloads });
  await page.click("#save");
  for (const start = Date.now(); !readdirSync(downloads).includes("labels.csv"); ) {
    assert.ok(Date.now() - start < 60_000, "no list was saved");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return join(downloads, "labels.csv");
}

let browser;
try {
  makePhotos();
  const list = join(work, "all.csv");
  run("labels", photos, "--base", "resnet20_cifar", "--weights", "none", "--page", join(work, "labels.html"), "--out", list);
  browser = await startBrowser(chromium);
  const page = await openPage(browser);
  await page.go(pathToFileURL(join(work, "labels.html")).href);
  await page.until("document.getElementById('state')?.textContent.includes('decided')");
  assert.equal(await page.evaluate("document.querySelectorAll('.card').length"), readFileSync(list, "utf8").trim().split("\n").length - 1);
  await checkLooks(page);
  await decide(page);
  if (screenshots) await page.screenshot(join(screenshots, "labels_decided.png"));
  run("relabel", photos, await saved(page, browser));
  assert.ok(existsSync(join(photos, hostile, "red, 0.png")));
  assert.ok(existsSync(join(photos, "red", "red, 1.png")));
  assert.ok(existsSync(join(photos, "red", 'blue "0".png')));
  assert.ok(existsSync(join(work, "photos.removed", "green", 'blue "1".png')));
  assert.equal(await page.evaluate("window.hacked"), undefined);
  assert.deepEqual(page.complaints, []);
  console.log("the label page decides, saves, and its list is applied");
} finally {
  await browser?.close();
  rmSync(work, { recursive: true, force: true });
}
