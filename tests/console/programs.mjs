// Real programs for the console's tests: kedge-server and kedge-agent, started on free ports, stopped by their own pids.
// SPDX-License-Identifier: Apache-2.0
import { execFileSync, spawn } from "node:child_process";
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = process.env.KEDGE_SOURCE_DIR ?? join(dirname(fileURLToPath(import.meta.url)), "../..");
const bin = process.env.KEDGE_BIN_DIR ?? join(root, "build/dev/bin");
const startMsMax = 60_000;
const pollMs = 50;

export const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** Asks again and again until the answer is truthy. */
export async function until(what, ask, ms = startMsMax) {
  for (const end = Date.now() + ms; Date.now() < end; await pause(pollMs)) {
    const answer = await ask();
    if (answer) return answer;
  }
  throw new Error(`${what}: not within ${ms / 1000} s`);
}

function start(program, args, log, env = {}) {
  const file = openSync(log, "w");
  const child = spawn(join(bin, program), args, { stdio: ["ignore", file, file], env: { ...process.env, ...env } });
  closeSync(file);
  return child;
}

async function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((done) => child.once("exit", done));
  child.kill("SIGTERM");
  await Promise.race([ended, pause(20_000).then(() => child.kill("SIGKILL"))]);
}

export class Installation {
  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), "kedge-console-"));
    this.children = [];
  }

  async start(args = []) {
    const log = join(this.folder, "server.log");
    const child = start("kedge-server", ["--data", join(this.folder, "server"), "--listen", "127.0.0.1:0", "--device-listen", "127.0.0.1:0", ...args], log);
    this.children.push(child);
    this.url = await until("the server's start", () => {
      if (child.exitCode !== null) throw new Error(readFileSync(log, "utf8"));
      return /^listening on (http\S+)$/m.exec(readFileSync(log, "utf8"))?.[1];
    });
    const keys = readFileSync(join(this.folder, "server/administrator.env"), "utf8");
    this.environment = { ...process.env, AWS_ENDPOINT_URL: this.url, AWS_REGION: "us-east-1", AWS_EC2_METADATA_DISABLED: "true" };
    for (const [, name, value] of keys.matchAll(/^(AWS_\w+)=(.+)$/gm)) this.environment[name] = value;
    return this;
  }

  kedge(args, input) {
    return execFileSync(join(bin, "kedge"), args, { env: this.environment, input, encoding: "utf8" });
  }

  python(args) {
    return execFileSync("/usr/bin/python3", args, { env: { ...this.environment, KEDGE_SOURCE_DIR: root }, encoding: "utf8" });
  }

  addUser(name, role, password) {
    this.kedge(["user", "create", name, "--role", role, "--password-stdin"], password);
  }

  /** Enrols the device with the command that the console shows, and starts its agent. */
  async startAgent(device, claim) {
    const folder = join(this.folder, device);
    this.kedge(["device", "enroll", "--claim", claim, "--device", device, "--endpoint-url", this.url, "-o", folder]);
    const config = join(folder, "agent.json");
    const values = JSON.parse(readFileSync(config, "utf8"));
    Object.assign(values, { kedge_deployment_poll_interval_seconds: 1, kedge_heartbeat_interval_seconds: 1, sagemaker_edge_core_capture_data_push_period_seconds: 1 });
    writeFileSync(config, JSON.stringify(values, null, 2));
    this.socket = join(this.folder, "agent.sock");
    this.agentLog = join(this.folder, "agent.log");
    this.children.push(start("kedge-agent", ["-a", this.socket, "-c", config, "-f"], this.agentLog));
    await until("the agent's start", () => existsSync(this.socket));
  }

  log(name) {
    const file = join(this.folder, name + ".log");
    return existsSync(file) ? readFileSync(file, "utf8").slice(-3000) : "";
  }

  async end() {
    for (const child of this.children.reverse()) await stop(child);
    rmSync(this.folder, { recursive: true, force: true });
  }
}
