// Captured tensors: bytes to numbers, and how they are best shown.
// SPDX-License-Identifier: Apache-2.0
export interface CaptureEntry { name: string; mode?: string; observedContentType: string; encoding: string; data?: string; "data-ref"?: string }
export interface CaptureLine {
  deviceFleetInputs?: CaptureEntry[]; deviceFleetOutputs?: CaptureEntry[];
  deviceFleetAuxiliaryInputs?: CaptureEntry[]; deviceFleetAuxiliaryOutputs?: CaptureEntry[];
  eventMetadata?: Record<string, string>;
}
export interface Tensor { type: string; shape: number[]; values: number[] | Float32Array }

type Reader = (view: DataView, at: number) => number;
const readers: Record<string, [number, Reader]> = {
  FLOAT32: [4, (v, i) => v.getFloat32(i, true)], FLOAT64: [8, (v, i) => v.getFloat64(i, true)], UINT8: [1, (v, i) => v.getUint8(i)], INT8: [1, (v, i) => v.getInt8(i)], BOOL: [1, (v, i) => v.getUint8(i)],
  INT16: [2, (v, i) => v.getInt16(i, true)], UINT16: [2, (v, i) => v.getUint16(i, true)], INT32: [4, (v, i) => v.getInt32(i, true)], UINT32: [4, (v, i) => v.getUint32(i, true)],
  INT64: [8, (v, i) => Number(v.getBigInt64(i, true))], FLOAT16: [2, (v, i) => half(v.getUint16(i, true))],
};
const half = (bits: number): number => {
  const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
  if (exponent === 0) return sign * 2 ** -24 * fraction;
  return exponent === 31 ? (fraction ? NaN : sign * Infinity) : sign * 2 ** (exponent - 15) * (1 + fraction / 1024);
};

/** null if it is not a tensor whose numbers can be read. */
export function readTensor(entry: CaptureEntry, bytes: Uint8Array): Tensor | null {
  const found = /^Tensor\[\s*(\w+)\s*;\s*([\d,\s]*)\]$/.exec(entry.observedContentType);
  const reader = found && readers[(found[1] ?? "").toUpperCase()];
  if (!found || !reader) return null;
  const shape = (found[2] ?? "").split(",").map((d) => Number(d.trim())).filter((d) => d > 0);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values = Float32Array.from({ length: Math.floor(bytes.length / reader[0]) }, (_, i) => reader[1](view, i * reader[0]));
  return { type: found[1] ?? "", shape, values };
}

export const fromBase64 = (text: string): Uint8Array => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

export interface Picture { width: number; height: number; channels: number; planar: boolean }
/** Whether the shape is that of a picture: [1, c, h, w] or [1, h, w, c] with 1, 3 or 4 channels. */
export function pictureOf({ shape }: Tensor): Picture | null {
  const dims = shape.length === 4 && shape[0] === 1 ? shape.slice(1) : shape;
  const [a = 0, b = 0, c = 0] = dims;
  if (dims.length === 2 && a >= 8 && b >= 8) return { width: b, height: a, channels: 1, planar: true };
  if (dims.length !== 3) return null;
  if ([1, 3, 4].includes(a) && b >= 8 && c >= 8) return { width: c, height: b, channels: a, planar: true };
  if ([1, 3, 4].includes(c) && a >= 8 && b >= 8) return { width: b, height: a, channels: c, planar: false };
  return null;
}

/** Stretches the least and greatest value to black and white. */
export function paint(canvas: HTMLCanvasElement, tensor: Tensor, picture: Picture): void {
  const { width, height, channels, planar } = picture;
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  if (!context) return;
  let least = Infinity, most = -Infinity;
  for (const v of tensor.values) { if (v < least) least = v; if (v > most) most = v; }
  const image = context.createImageData(width, height);
  const scale = most > least ? 255 / (most - least) : 0;
  for (let i = 0; i < width * height; ++i) {
    for (let k = 0; k < 3; ++k) {
      const channel = channels >= 3 ? k : 0;
      image.data[4 * i + k] = ((tensor.values[planar ? channel * width * height + i : i * channels + channel] ?? 0) - least) * scale;
    }
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

export function summary(tensor: Tensor): { count: number; mean: number; least: number; greatest: number; deviation: number; best: number } {
  let sum = 0, least = Infinity, greatest = -Infinity, best = 0;
  tensor.values.forEach((v, i) => { sum += v; if (v < least) least = v; if (v > greatest) { greatest = v; best = i; } });
  const count = tensor.values.length, mean = count ? sum / count : 0;
  let squares = 0;
  for (const v of tensor.values) squares += (v - mean) ** 2;
  return { count, mean, least, greatest, deviation: Math.sqrt(squares / Math.max(1, count)), best };
}
