// Bundles the console: node console/build.mjs OUT
//
// OUT/files is what the server serves below /console/: index.html, one style sheet and the scripts with hashed names, each
// plain and as gzip. OUT/sizes.json says what a first view loads. Types of the API come from api/operations/.
// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2];
if (!out) {
  console.error("usage: node console/build.mjs OUT");
  process.exit(2);
}
const files = join(out, "files");
rmSync(files, { recursive: true, force: true });
mkdirSync(files, { recursive: true });
mkdirSync(join(here, "generated"), { recursive: true });
execFileSync("/usr/bin/python3", [join(here, "../tools/api_types.py"), "--output", join(here, "generated/api_types.ts")]);

const result = await build({
  absWorkingDir: here,
  entryPoints: ["src/main.tsx", "src/style/console.css"],
  outdir: files,
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  assetNames: "[name]-[hash]",
  bundle: true,
  minify: true,
  splitting: true,
  format: "esm",
  target: "es2022",
  jsx: "automatic",
  jsxImportSource: "preact",
  legalComments: "none",
  metafile: true,
  logLevel: "warning",
});

const outputs = Object.entries(result.metafile.outputs);
const nameOf = (entry) => {
  const found = outputs.find(([, output]) => output.entryPoint === entry);
  return relative(files, join(here, found[0]));
};
const script = nameOf("src/main.tsx");
const style = nameOf("src/style/console.css");

// What the page loads before anything is asked for: the entry and what it imports statically.
const first = new Set();
const follow = (name) => {
  if (first.has(name)) return;
  first.add(name);
  const output = outputs.find(([path]) => relative(files, join(here, path)) === name)[1];
  for (const used of output.imports) {
    if (used.kind === "import-statement") follow(relative(files, join(here, used.path)));
  }
};
follow(script);

const page = readFileSync(join(here, "src/index.html"), "utf8")
  .replaceAll("{{script}}", `/console/${script}`)
  .replaceAll("{{style}}", `/console/${style}`)
  .replaceAll("{{preload}}", [...first].filter((name) => name !== script)
    .map((name) => `<link rel="modulepreload" href="/console/${name}">`).join("\n"));
writeFileSync(join(files, "index.html"), page);
for (const name of ["favicon.svg", "theme.js"]) writeFileSync(join(files, name), readFileSync(join(here, "src", name)));

const sizes = {};
for (const name of readdirSync(files)) {
  const packed = gzipSync(readFileSync(join(files, name)), { level: 9 });
  writeFileSync(join(files, `${name}.gz`), packed);
  sizes[name] = packed.length;
}
const scripts = Object.keys(sizes).filter((name) => name.endsWith(".js"));
const sum = (names) => names.reduce((total, name) => total + sizes[name], 0);
const figures = {
  first_view_script_gzip_bytes: sum(scripts.filter((name) => first.has(name) || name === "theme.js")),
  all_script_gzip_bytes: sum(scripts),
  style_gzip_bytes: sizes[style],
};
writeFileSync(join(out, "sizes.json"), JSON.stringify({ ...figures, files: sizes }, null, 2));
