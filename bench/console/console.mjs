// What the console costs a browser: node bench/console/console.mjs [--devices N] [--rounds N]
//
// Bytes come from the bundle that the server serves. Times are the browser's own performance entries, medians of rounds in one
// Chromium on loopback, beside those of an empty page of the same server, with N registered devices (100,000).
//   search    from the key to the frame that shows the new rows, each round another text
// SPDX-License-Identifier: Apache-2.0
import { gzipSync } from "node:zlib";
import { Browser } from "../../tests/console/browser.mjs";
import { Installation } from "../../tests/console/programs.mjs";

const option = (name, other) => (process.argv.includes(name) ? Number(process.argv[process.argv.indexOf(name) + 1]) : other);
const devices = option("--devices", 100_000), rounds = option("--rounds", 7);
const perCall = 1000;
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const place = await new Installation().start(["--rate-limit", "0"]);
const browser = new Browser();

async function fill() {
  await browser.call("SageMaker.CreateDeviceFleet", { DeviceFleetName: "plant", OutputConfig: { S3OutputLocation: "s3://b/k" } });
  for (let i = 0; i < devices; i += perCall) {
    const answer = await browser.call("Kedge.ImportDevices", { DeviceFleetName: "plant", Devices: Array.from({ length: Math.min(perCall, devices - i) }, (_, k) => ({ DeviceName: `camera-${String(i + k).padStart(6, "0")}` })) });
    if (!answer.Applied) throw new Error(JSON.stringify(answer).slice(0, 400));
  }
}

/** First contentful paint, and how many bytes of script came before it. */
async function firstView(path, ready) {
  const page = await browser.context.newPage();
  try {
    const scripts = new Map();
    page.on("response", async (response) => { if (/\.js$/.test(response.url())) scripts.set(response.url(), gzipSync(await response.body().catch(() => Buffer.alloc(0)), { level: 9 }).length); });
    await page.goto(browser.url + path);
    if (ready) await page.locator(ready).first().waitFor();
    const paint = await page.waitForFunction(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime).then((handle) => handle.jsonValue());
    const shown = ready ? await page.evaluate(() => performance.now()) : paint;
    return { paint, shown, bytes: [...scripts.values()].reduce((a, b) => a + b, 0) };
  } finally {
    await page.close();
  }
}

async function searches() {
  await browser.open("/devices", ".vrow a");
  const field = browser.page.getByLabel("Name contains");
  const times = [];
  for (let i = 0; i < rounds * 3; ++i) {
    const text = String(90_000 + ((i * 7919) % 9000)).slice(0, 3 + (i % 3));
    await field.fill("");
    await browser.page.waitForFunction(() => document.querySelector(".vrow a")?.textContent === "camera-000000");
    times.push(await browser.page.evaluate((value) => new Promise((done) => {
      const input = document.querySelector(".filters input");
      const before = performance.getEntriesByName("kedge-devices-drawn").length;
      const began = performance.now();
      input.value = value;
      input.dispatchEvent(new InputEvent("input", { bubbles: true }));
      const look = () => (performance.getEntriesByName("kedge-devices-drawn").length > before ? requestAnimationFrame(() => done(performance.now() - began)) : requestAnimationFrame(look));
      look();
    }), text));
  }
  return times;
}

try {
  place.addUser("ann", "admin", "correct horse battery");
  await browser.start(place.url);
  await browser.logIn("ann", "correct horse battery");
  await fill();
  const empty = [], overview = [];
  for (let i = 0; i < rounds; ++i) {
    empty.push(await firstView("/console/favicon.svg"));
    overview.push(await firstView("/console/", ".figures"));
  }
  const found = await searches();
  const figures = {
    devices,
    first_view_script_gzip_bytes: Math.max(...overview.map((o) => o.bytes)),
    first_contentful_paint_ms: Math.round(median(overview.map((o) => o.paint))),
    overview_with_numbers_ms: Math.round(median(overview.map((o) => o.shown))),
    empty_page_paint_ms: Math.round(median(empty.map((o) => o.paint))),
    search_ms_median: Math.round(median(found)),
    search_ms_greatest: Math.round(Math.max(...found)),
  };
  figures.paint_ratio_to_empty_page = Number((figures.first_contentful_paint_ms / Math.max(1, figures.empty_page_paint_ms)).toFixed(1));
  console.log(JSON.stringify(figures, null, 2));
} finally {
  await browser.end();
  await place.end();
}
