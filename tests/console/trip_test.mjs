// The whole trip by hand in the browser: log in, upload, compile, package, fleet, device, plan, start, deployed, predictions.
// With --keyboard no mouse is used. Then every page is looked at in both themes and at the width of a telephone: axe, pictures,
// and the numbers against the API's.
// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { join } from "node:path";
import { Browser } from "./browser.mjs";
import { pages } from "./pages.mjs";
import { Installation, root, until } from "./programs.mjs";

const keyboard = process.argv.includes("--keyboard");
const password = "correct horse battery";
const names = { fleet: "workshop", device: "bench-1", model: "shapes", job: "shapes-x86", package: "shapes-x86-package", plan: "shapes-plan" };
const place = await new Installation().start();
const browser = new Browser();
const began = Date.now();
const step = (text) => console.log(`[${((Date.now() - began) / 1000).toFixed(1)} s] ${text}`);

/** Presses a button or follows a link: with the mouse, or by going to it with Tab and pressing Enter. */
async function press(target) {
  await target.waitFor();
  if (!keyboard) return target.click();
  const here = () => target.evaluate((element) => element === document.activeElement);
  for (let i = 0; i < 250 && !(await here()); ++i) await browser.page.keyboard.press("Tab");
  assert.ok(await here(), `Tab does not reach ${await target.textContent()}`);
  await browser.page.keyboard.press("Enter");
}
const button = (name, exact = true) => browser.page.getByRole("button", { name, exact }).last();
const inDialog = (name) => browser.page.locator("dialog").getByRole("button", { name, exact: true });
async function fill(label, value, within = browser.page) {
  const field = within.getByLabel(label, { exact: true });
  await field.focus();
  await field.fill("");
  await browser.page.keyboard.insertText(value);
}
/** To a page by the palette: Ctrl+K, a part of the name, Enter. */
async function goTo(text) {
  if (!keyboard) return press(browser.page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: text }));
  await browser.page.keyboard.press("Control+k");
  await browser.page.locator(".palette input").waitFor();
  await browser.page.keyboard.insertText(text);
  await browser.page.locator(".palette li[aria-selected=true]").filter({ hasText: text }).waitFor();
  await browser.page.keyboard.press("Enter");
}
const heading = (text) => browser.page.getByRole("heading", { level: 1, name: text, exact: true }).waitFor();

async function trip() {
  const { page } = browser;
  await browser.logIn("ann", password);
  step("logged in");
  await press(button("Create a fleet"));
  await fill("Name", names.fleet);
  await press(inDialog("Create fleet"));
  await heading(names.fleet);
  step("fleet made");

  await goTo("Models");
  await press(button("Upload a model"));
  await page.getByLabel("Model file").setInputFiles(join(root, "examples/shapes/shapes.onnx"));
  assert.equal(await page.getByLabel("Model name").inputValue(), "shapes");
  await press(inDialog("Upload"));
  await heading(names.model);
  await press(button("Compile"));
  await fill("Job name", names.job);
  await press(inDialog("Start the job"));
  await heading(names.job);
  await page.locator("[data-test=status]", { hasText: "completed" }).waitFor({ timeout: 90_000 });
  await page.getByText("Memory of one loaded model").waitFor();
  assert.match(await page.locator(".log").first().textContent(), /\S/);
  step("compiled");
  await press(button("Package"));
  await fill("Model name", names.model);
  await press(inDialog("Package"));
  await heading(names.package);
  await page.locator("[data-test=status]", { hasText: "completed" }).waitFor({ timeout: 60_000 });
  await press(button("Read the package"));
  await page.getByText("Source model's SHA-256").waitFor();
  step("packaged");

  await goTo("Fleets");
  await press(page.getByRole("main").getByRole("link", { name: names.fleet, exact: true }));
  await heading(names.fleet);
  await press(button("Register devices"));
  await fill("Or one device a line", `name,description,tag:site\n${names.device},"by the door, left",north\nbench-2,spare,south\n`);
  await press(inDialog("Register"));
  await page.locator("[data-test=registered]", { hasText: "2" }).waitFor();
  await press(button("Enrol devices"));
  await fill("Which devices", "bench-*");
  await press(inDialog("Make the command"));
  const command = await page.locator("dialog pre").textContent();
  await press(inDialog("Done"));
  await place.startAgent(names.device, /--claim (\S+)/.exec(command)[1]);
  step("enrolled");

  await goTo("Deployments");
  await press(page.getByRole("link", { name: "Plan a deployment" }).first());
  await fill("Plan name", names.plan);
  await fill("Device names", names.device);
  await press(button("Create plan"));
  await heading(names.plan);
  const stage = page.locator("[data-test=stage-first]");
  await press(stage.getByRole("button", { name: "Start", exact: true }));
  await press(inDialog("Start"));
  await stage.locator(".mark", { hasText: /^deployed$/ }).waitFor({ timeout: 60_000 });
  step("deployed");

  place.python([join(root, "tests/console/predictions.py"), place.socket, names.model, "40"]);
  await goTo("Devices");
  await press(page.getByRole("main").getByRole("link", { name: names.device, exact: true }));
  await page.locator("[data-test=connection]", { hasText: "connected" }).waitFor();
  const models = page.getByRole("region", { name: "Models on the device" });
  await models.getByText(names.model).waitFor();
  await until("an inference on the device's page", async () => (await models.locator("time").count()) > 0);
  step("predictions seen");
}

async function numbersAreTheApis() {
  const { page } = browser;
  const text = async (test) => Number((await page.locator(`[data-test=${test}]`).textContent()).replace(/[^0-9]/g, ""));
  await browser.open("/", "[data-test=health-n]");
  const now = await browser.call("Kedge.GetOverview");
  const sum = (pattern) => now.Jobs.filter((j) => pattern.test(j.JobStatus)).reduce((n, j) => n + j.Jobs, 0);
  assert.equal(await text("registered"), now.RegisteredDevices);
  assert.equal(await text("connected"), now.ConnectedDevices);
  assert.equal(await text("offline"), now.RegisteredDevices - now.ConnectedDevices - now.NeverHeardDevices);
  assert.equal(await text("jobs"), sum(/INPROGRESS|STARTING/));
  const { Alarms } = await browser.call("Kedge.ListDriftAlarms", { OpenOnly: true });
  await until("the number of alarms", async () => (await text("alarms")) === Alarms.length, 10_000);
  const { States } = await browser.call("Kedge.GetFleetHealth", { DeviceFleetName: names.fleet });
  for (const state of "clon") {
    const shown = Number(/^[\d,]+/.exec(await page.locator(`[data-test=health-${state}]`).textContent())[0].replaceAll(",", ""));
    assert.equal(shown, [...States].filter((s) => s === state).length, state);
  }
  await browser.open(`/fleets/${names.fleet}`, "[data-test=registered]");
  const report = await browser.call("SageMaker.GetDeviceFleetReport", { DeviceFleetName: names.fleet });
  assert.equal(await text("registered"), report.DeviceStats.RegisteredDeviceCount);
  assert.equal(await text("connected"), report.DeviceStats.ConnectedDeviceCount);
  const cells = await page.getByRole("region", { name: "Models of the fleet" }).locator("tbody tr").first().locator("td.num").allTextContents();
  const stats = report.ModelStats[0];
  assert.deepEqual(cells.map(Number), [stats.OfflineDeviceCount, stats.ConnectedDeviceCount, stats.ActiveDeviceCount, stats.SamplingDeviceCount]);
  await browser.open(`/deployments/${names.plan}`, ".stage .facts");
  const plan = await browser.call("SageMaker.DescribeEdgeDeploymentPlan", { EdgeDeploymentPlanName: names.plan });
  const shown = await page.getByText(/deployed, .* pending, .* failed/).first().textContent();
  assert.deepEqual(shown.match(/\d+/g).map(Number), [plan.EdgeDeploymentSuccess, plan.EdgeDeploymentPending, plan.EdgeDeploymentFailed]);
  await browser.open("/settings", "[data-test=count-devices]");
  const server = await browser.call("Kedge.DescribeServer");
  for (const { Name, Count } of server.Counts) assert.equal(await text(`count-${Name}`), Count, Name);
  await browser.open(`/jobs/compilation/${names.job}`, ".memory");
  const answer = JSON.parse((await browser.call("Kedge.DescribeCompilationReport", { CompilationJobName: names.job })).Report);
  assert.match(await page.getByText(/^Layers \(/).textContent(), new RegExp(`\\(${answer.nodes.length}\\)`));
  step("numbers equal the API's");
}

async function addCapture() {
  const values = new Float32Array(32 * 32).map((_, i) => Math.hypot((i % 32) - 16, Math.floor(i / 32) - 16) < 10 ? 1 : 0);
  const entry = (name, mode, type, array) => ({ name, mode, observedContentType: type, encoding: "BASE64", data: Buffer.from(array.buffer).toString("base64") });
  const line = JSON.stringify({
    deviceFleetInputs: [entry("image", "Input", "Tensor[FLOAT32; 1, 1, 32, 32]", values)],
    deviceFleetOutputs: [entry("probabilities", "Output", "Tensor[FLOAT32; 1, 4]", new Float32Array([0.91, 0.03, 0.04, 0.02]))],
    eventMetadata: { deviceFleetName: names.fleet, deviceId: names.device, eventId: "capture-1", inferenceTime: "2026-11-28T10:00:00", modelName: "shapes", modelVersion: "1" }, eventVersion: "0",
  });
  assert.equal(await browser.put(`models/captures/${names.fleet}/shapes/2026/11/28/10/${"0".repeat(32)}.jsonl`, line + "\n"), 200);
}

async function everyPage() {
  const found = [];
  const look = async (suffix, width) => {
    await browser.page.setViewportSize({ width, height: width < 500 ? 844 : 820 });
    for (const [name, path, ready] of pages(names)) {
      await browser.open(path, ready);
      await browser.page.evaluate(() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 120))));
      await browser.picture(`${name}-${suffix}`);
      if (width > 500) found.push(...(await browser.findings()).map((text) => `${name} ${suffix}: ${text}`));
      const wide = await browser.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      if (wide > 0) found.push(`${name} ${suffix}: ${wide} px wider than the window`);
    }
  };
  await browser.theme("light");
  await look("light", 1280);
  await browser.theme("dark");
  await look("dark", 1280);
  await browser.theme("light");
  await look("phone", 390);
  assert.deepEqual(found, []);
  step("every page looked at");
}

try {
  place.addUser("ann", "admin", password);
  await browser.start(place.url);
  await trip();
  if (!keyboard) {
    await addCapture();
    await numbersAreTheApis();
    await everyPage();
  }
  assert.deepEqual(browser.errors, []);
  step("no error on the browser's console");
} catch (error) {
  await browser.picture("failed").catch(() => {});
  console.error(error, "\n", browser.errors, "\n", place.log("server").slice(-1500), "\n", place.log("agent").slice(-1500));
  process.exitCode = 1;
} finally {
  await browser.end();
  await place.end();
}
