// Without npm: the configuration goes on, and the page that is served says how to have the console.
// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "./programs.mjs";

const folder = mkdtempSync(join(tmpdir(), "kedge-unbuilt-"));
try {
  const made = join(folder, "console_files.cc");
  execFileSync("/usr/bin/python3", [join(root, "tools/embed.py"), "--output", made, "--namespace", "kedge::server", "--symbol", "kConsoleFiles", "--base", join(root, "console/unbuilt"), "--folder", join(root, "console/unbuilt")]);
  const source = readFileSync(made, "utf8");
  for (const name of ["index.html", "unbuilt.css", "favicon.svg"]) assert.match(source, new RegExp(`\\{"${name}"`));
  const page = readFileSync(join(root, "console/unbuilt/index.html"), "utf8");
  assert.match(page, /npm ci --prefix console/);
  assert.doesNotMatch(page, /<style|<script|style=|onload=/);
  // The rule of the build: no installed packages, no bundle.
  const rule = readFileSync(join(root, "src/server/console/CMakeLists.txt"), "utf8");
  assert.match(rule, /EXISTS \$\{KEDGE_CONSOLE\}\/node_modules\/esbuild\/package\.json/);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
