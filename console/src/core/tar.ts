// Reading a model package in the browser: gzip of a tar in the one form of docs/formats/model-package.md.
// SPDX-License-Identifier: Apache-2.0
export interface Entry { name: string; bytes: Uint8Array }

const block = 512;
const filesMax = 256;

export async function readPackage(packed: ArrayBuffer): Promise<Entry[]> {
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const tar = new Uint8Array(await new Response(stream).arrayBuffer());
  const text = (from: number, length: number) => new TextDecoder().decode(tar.subarray(from, from + length)).replace(/\0.*$/s, "");
  const entries: Entry[] = [];
  for (let at = 0; at + block <= tar.length && tar[at] !== 0 && entries.length < filesMax;) {
    const size = parseInt(text(at + 124, 12), 8) || 0;
    entries.push({ name: text(at, 100), bytes: tar.subarray(at + block, at + block + size) });
    at += block + Math.ceil(size / block) * block;
  }
  return entries;
}
