// A headless Chromium, driven over its debugging pipe: no package is needed.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const patience = 120_000; // milliseconds: loaded machines are slow

export async function startBrowser(executable) {
  const profile = mkdtempSync(join(tmpdir(), "headstart_browser."));
  const child = spawn(
    executable,
    ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-pipe", `--user-data-dir=${profile}`, "about:blank"],
    { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"], detached: true },
  );
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const waiting = new Map();
  const listeners = [];
  let last = 0;
  let buffer = "";
  child.stdio[4].on("data", (chunk) => {
    buffer += chunk;
    const messages = buffer.split("\0");
    buffer = messages.pop();
    for (const message of messages.map((text) => JSON.parse(text))) {
      if (message.id === undefined) {
        for (const listen of listeners) listen(message);
        continue;
      }
      const { resolve, reject } = waiting.get(message.id);
      waiting.delete(message.id);
      message.error ? reject(new Error(message.error.message)) : resolve(message.result);
    }
  });
  const send = (method, params = {}, sessionId = undefined) =>
    new Promise((resolve, reject) => {
      const id = ++last;
      waiting.set(id, { resolve, reject });
      child.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    });
  return {
    send,
    listen: (listener) => listeners.push(listener),
    close: async () => {
      process.kill(-child.pid, "SIGKILL"); // with its children, which write into the profile
      await ended;
      rmSync(profile, { recursive: true, force: true, maxRetries: 20 });
    },
  };
}

// A page with what its console and its errors said.
export async function openPage(browser) {
  const { targetId } = await browser.send("Target.createTarget", { url: "about:blank" });
  const { sessionId } = await browser.send("Target.attachToTarget", { targetId, flatten: true });
  const send = (method, params) => browser.send(method, params, sessionId);
  const complaints = [];
  browser.listen((message) => {
    if (message.sessionId !== sessionId) return;
    if (message.method === "Runtime.exceptionThrown") complaints.push(message.params.exceptionDetails.exception?.description ?? "exception");
    if (message.method === "Log.entryAdded") complaints.push(message.params.entry.text);
    if (message.method === "Runtime.consoleAPICalled") complaints.push(JSON.stringify(message.params.args.map((one) => one.value)));
  });
  for (const domain of ["Page", "Runtime", "Log"]) await send(`${domain}.enable`);

  const evaluate = async (expression) => {
    const { result, exceptionDetails } = await send("Runtime.evaluate", { expression, returnByValue: true, awaitPromise: true });
    if (exceptionDetails) throw new Error(`${expression}: ${exceptionDetails.exception?.description}`);
    return result.value;
  };
  const until = async (expression) => {
    for (const start = Date.now(); Date.now() - start < patience; ) {
      if (await evaluate(expression)) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`waited in vain for ${expression}`);
  };
  const box = (selector) =>
    evaluate(`(() => { const b = document.querySelector(${JSON.stringify(selector)}).getBoundingClientRect();
      return { x: b.left, y: b.top, width: b.width, height: b.height }; })()`);
  const mouse = (type, x, y) => send("Input.dispatchMouseEvent", { type, x, y, button: type === "mouseMoved" ? "none" : "left", clickCount: 1 });
  const pointAt = async (selector, right = 0.5, down = 0.5) => {
    await evaluate(`document.querySelector(${JSON.stringify(selector)}).scrollIntoView({ block: "center" })`);
    const b = await box(selector);
    const [x, y] = [b.x + right * b.width, b.y + down * b.height];
    await mouse("mouseMoved", x, y);
    return [x, y];
  };
  return {
    complaints,
    evaluate,
    until,
    pointAt,
    click: async (selector, right, down) => {
      const [x, y] = await pointAt(selector, right, down);
      await mouse("mousePressed", x, y);
      await mouse("mouseReleased", x, y);
    },
    press: async (key) => {
      // Only a key with its number moves the focus, only one with its text presses a button.
      const more = { Tab: { windowsVirtualKeyCode: 9 }, Enter: { windowsVirtualKeyCode: 13, text: "\r" } }[key];
      await send("Input.dispatchKeyEvent", { type: "keyDown", key, code: key, ...more });
      await send("Input.dispatchKeyEvent", { type: "keyUp", key, code: key });
    },
    show: async ({ width, height, scheme }) => {
      await send("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: false });
      await send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: scheme }] });
    },
    go: async (url) => {
      await send("Page.navigate", { url: "about:blank" });
      await send("Page.navigate", { url });
    },
    screenshot: async (file) => {
      const { data } = await send("Page.captureScreenshot", { format: "png" });
      writeFileSync(file, Buffer.from(data, "base64"));
    },
  };
}
