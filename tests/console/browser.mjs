// Debian's Chromium, driven by playwright-core. Any error on the browser's console fails the test.
// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "./programs.mjs";

const require = createRequire(join(root, "console/package.json"));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

export const pictures = process.env.KEDGE_PICTURES ?? join(root, "build/console-pictures");
const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

export class Browser {
  constructor() {
    this.errors = [];
  }

  async start(url) {
    this.url = url;
    this.profile = mkdtempSync(join(tmpdir(), "kedge-chromium-"));
    this.context = await chromium.launchPersistentContext(this.profile, {
      executablePath: "/usr/bin/chromium", args: flags, headless: true, ignoreDefaultArgs: ["--enable-unsafe-swiftshader"],
      viewport: { width: 1280, height: 820 }, reducedMotion: "reduce", acceptDownloads: true, serviceWorkers: "block",
    });
    this.context.setDefaultTimeout(30_000);
    this.page = this.context.pages()[0] ?? (await this.context.newPage());
    this.page.on("console", (message) => message.type() === "error" && this.errors.push(`${message.text()} (${message.location().url})`));
    this.page.on("pageerror", (error) => this.errors.push(String(error.stack ?? error)));
    this.page.on("dialog", (dialog) => { this.errors.push("a script opened a dialog: " + dialog.message()); void dialog.dismiss(); });
    return this;
  }

  async open(path, ready = "main h1") {
    await this.page.goto(`${this.url}/console${path}`);
    await this.page.locator(ready).first().waitFor();
  }

  async logIn(name, password) {
    await this.open("/", "form");
    await this.page.getByLabel("User name").fill(name);
    await this.page.getByLabel("Password").fill(password);
    await this.page.keyboard.press("Enter");
    await this.page.locator(".frame main h1").waitFor();
  }

  /** A call of the API with the page's own session. */
  call(operation, request = {}) {
    return this.page.evaluate(async ([target, body]) => {
      const session = await (await fetch("/session")).json();
      const answer = await fetch("/", { method: "POST", headers: { "X-Amz-Target": target, "X-Kedge-Csrf": session.CsrfToken, "Content-Type": "application/x-amz-json-1.1" }, body: JSON.stringify(body) });
      return JSON.parse((await answer.text()) || "{}");
    }, [operation, request]);
  }

  put(bucketAndKey, body) {
    return this.page.evaluate(async ([path, text]) => {
      const session = await (await fetch("/session")).json();
      const answer = await fetch("/console/objects/" + path, { method: "PUT", headers: { "X-Kedge-Csrf": session.CsrfToken }, body: text });
      return answer.status;
    }, [bucketAndKey, body]);
  }

  /** Serious and critical findings of axe, one line each. axe is put in by the driver, so the page's policy stays as it is. */
  async findings() {
    await this.page.evaluate(axe);
    const found = await this.page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
    return found.violations.filter((v) => ["serious", "critical"].includes(v.impact))
      .map((v) => `${v.id} (${v.impact}): ${v.nodes.slice(0, 3).map((n) => `${n.html.slice(0, 140)} ${n.any?.[0]?.message ?? ""}`).join(" | ")}`);
  }

  async picture(name) {
    mkdirSync(pictures, { recursive: true });
    await this.page.screenshot({ path: join(pictures, name + ".png"), fullPage: true });
  }

  async theme(name) {
    await this.page.emulateMedia({ colorScheme: name, reducedMotion: "reduce" });
  }

  async end() {
    await this.context?.close();
    rmSync(this.profile, { recursive: true, force: true });
  }
}
