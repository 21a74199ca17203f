// Hostile texts through every field that takes free text: shown as they are, no script runs, nothing is loaded from elsewhere.
// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { Browser } from "./browser.mjs";
import { Installation } from "./programs.mjs";

const password = "correct horse battery";
const naughty = [
  "<script>alert(1)</script>", "\"><img src=x onerror=alert(2)>", "<svg/onload=alert(3)>", "javascript:alert(4)", "{{constructor.constructor('alert(5)')()}}",
  "'; DROP TABLE devices; --", "‮evil‬", "<iframe srcdoc='<script>alert(6)</script>'>", "=cmd|' /C calc'!A0", "a\u0000b".replace("\u0000", ""), "😀🏴‍☠️ \u202e ﷽",
];
const place = await new Installation().start();
const browser = new Browser();

async function inject() {
  const text = [...naughty.join(" ")].slice(0, 200).join("");
  // Where the API's pattern refuses a text, the refusal is what is shown; of the free texts each must be taken.
  const tried = async (operation, request) => (await browser.call(operation, request)).__type === undefined;
  const must = async (operation, request) => assert.ok(await tried(operation, request), operation);
  await must("SageMaker.CreateDeviceFleet", { DeviceFleetName: "lab", OutputConfig: { S3OutputLocation: "s3://lab/captures/" } });
  await must("Kedge.CreateModel", { ModelName: "shapes", Description: text });
  await must("Kedge.CreateModelVersion", { ModelName: "shapes", ModelVersion: "1", Description: text });
  await must("Kedge.CreateAccessKey", { Role: "viewer", Description: naughty[1] });
  const fleet = await browser.call("SageMaker.DescribeDeviceFleet", { DeviceFleetName: "lab" });
  await must("SageMaker.RegisterDevices", { DeviceFleetName: "lab", Devices: [{ DeviceName: "d-0" }, { DeviceName: "d-1" }] });
  for (const [i, value] of naughty.entries()) {
    await tried("SageMaker.UpdateDevices", { DeviceFleetName: "lab", Devices: [{ DeviceName: "d-0", Description: value }] });
    await tried("SageMaker.AddTags", { ResourceArn: fleet.DeviceFleetArn, Tags: [{ Key: `key-${i}`, Value: value }] });
  }
  const line = JSON.stringify({
    deviceFleetInputs: [{ name: naughty[0], mode: "Input", observedContentType: naughty[2], encoding: "NONE", data: naughty[1] }], deviceFleetOutputs: [],
    eventMetadata: { deviceFleetName: "lab", deviceId: naughty[1], eventId: naughty[2], inferenceTime: "2026-11-28T10:00:00", modelName: naughty[0] }, eventVersion: "0",
  });
  await browser.page.evaluate(async () => {
    const session = await (await fetch("/session")).json();
    await fetch("/console/objects/lab", { method: "PUT", headers: { "X-Kedge-Csrf": session.CsrfToken } });
  });
  assert.equal(await browser.put(`lab/captures/lab/shapes/2026/11/28/10/${"1".repeat(32)}.jsonl`, line + "\n"), 200);
  assert.equal(await browser.put("lab/page.html", "<script>alert(7)</script>"), 200);
}

async function look() {
  const { page } = browser;
  for (const path of ["/", "/fleets", "/fleets/lab", "/devices", "/devices/lab/d-0", "/devices/lab/d-1", "/models", "/models/shapes?version=1", "/captures?fleet=lab", "/activity", "/activity?tab=audit", "/users?tab=keys",
    `/devices?q=${encodeURIComponent(naughty[0])}`, `/fleets/${encodeURIComponent(naughty[1])}`, `/devices/lab/${encodeURIComponent("<img src=x onerror=alert(8)>")}`, `/jobs/compilation/${encodeURIComponent(naughty[2].replaceAll("/", ""))}`, `/models/x?version=${encodeURIComponent(naughty[0])}`]) {
    await browser.open(path);
    await page.waitForTimeout(150);
    const strange = await page.evaluate(() => [...document.querySelectorAll("script, iframe, img, object, embed")].filter((e) => !new URL(e.src || e.data || location.href).pathname.startsWith("/console/")).map((e) => e.outerHTML));
    assert.deepEqual(strange, [], path);
  }
  await browser.open("/models");
  await page.getByText(naughty[0], { exact: false }).first().waitFor();
  await browser.open("/captures?fleet=lab");
  await page.locator(".shot").first().click();
  await page.locator("dialog").getByText(naughty[2], { exact: false }).first().waitFor();
  await page.keyboard.press("Escape");
}

/** Every field of every form takes them; what the server refuses is told as text. */
async function type() {
  const { page } = browser;
  for (const [path, opener] of [["/fleets", "Create a fleet"], ["/fleets/lab", "Register devices"], ["/fleets/lab", "Enrol devices"], ["/fleets/lab", "Add a tag"], ["/models", "Upload a model"], ["/jobs", "Compile"], ["/users", "Create a user"], ["/users?tab=keys", "Create an access key"]]) {
    await browser.open(path);
    await page.getByRole("button", { name: opener, exact: true }).first().click();
    const fields = page.locator("dialog input:not([type=file]):not([type=number]), dialog textarea");
    for (let i = 0; i < (await fields.count()); ++i) await fields.nth(i).fill(naughty[(i + 1) % naughty.length].slice(0, 60));
    await page.locator("dialog .first").last().click();
    await page.waitForTimeout(200);
    await page.keyboard.press("Escape");
  }
}

async function policy() {
  const answers = await browser.page.evaluate(async () => {
    const found = [];
    for (const path of ["/console/", "/console/devices", "/console/theme.js", "/console/objects/lab/page.html", "/console/missing.js"]) {
      const answer = await fetch(path);
      found.push([path, Object.fromEntries(answer.headers), answer.status]);
    }
    return found;
  });
  for (const [path, headers] of answers) {
    assert.match(headers["content-security-policy"], /default-src 'none'.*frame-ancestors 'none'/, path);
    assert.doesNotMatch(headers["content-security-policy"], /unsafe-/, path);
    assert.equal(headers["x-content-type-options"], "nosniff", path);
  }
  const object = answers.find(([path]) => path.endsWith("page.html"))[1];
  assert.equal(object["content-type"], "application/octet-stream");
  assert.match(object["content-disposition"], /attachment/);
  // A write without the token is refused, whatever the cookie.
  const refused = await browser.page.evaluate(async () => (await fetch("/console/objects/lab/x", { method: "PUT", body: "x" })).status);
  assert.equal(refused, 403);
}

/** What a viewer may not do is not offered. */
async function viewer() {
  const { page } = browser;
  await page.evaluate(() => document.querySelector(".side .foot button:last-child").click());
  await page.getByLabel("User name").waitFor();
  await browser.logIn("vera", password);
  for (const path of ["/fleets", "/fleets/lab", "/models", "/jobs", "/deployments?new=1", "/devices/lab/d-1"]) {
    await browser.open(path);
    await page.waitForTimeout(150);
    const offered = await page.locator("main").getByRole("button", { name: /^(Create|Register|Enrol|Delete|Deregister|Upload|Compile|Package|Start|Stop|Add|Send|Plan)/ }).allTextContents();
    assert.deepEqual(offered, [], path);
  }
  assert.equal(await page.getByRole("link", { name: "Users and keys" }).count(), 0);
}

try {
  place.addUser("ann", "admin", password);
  place.addUser("vera", "viewer", password);
  await browser.start(place.url);
  await browser.logIn("ann", password);
  await inject();
  await look();
  await type();
  await policy();
  const expected = /status of (400|403|404)/;  // refusals that this test provokes
  await viewer();
  assert.deepEqual(browser.errors.filter((error) => !expected.test(error)), []);
} catch (error) {
  await browser.picture("failed-naughty").catch(() => {});
  console.error(error, browser.errors, place.log("server").slice(-1500));
  process.exitCode = 1;
} finally {
  await browser.end();
  await place.end();
}
