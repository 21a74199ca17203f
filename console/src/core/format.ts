// Numbers and times as people read them; the exact value stays in the title.
// SPDX-License-Identifier: Apache-2.0
const integer = new Intl.NumberFormat("en");
export const count = (n: number | undefined): string => (n === undefined ? "–" : integer.format(n));

export function bytes(n: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let at = 0;
  while (n >= 1024 && at < units.length - 1) {
    n /= 1024;
    ++at;
  }
  return `${at === 0 ? n : n.toFixed(n < 10 ? 2 : 1)} ${units[at]}`;
}

export const time = (seconds: number): string => new Date(seconds * 1000).toISOString().replace("T", " ").slice(0, 19) + " UTC";

export function ago(seconds: number): string {
  const past = Date.now() / 1000 - seconds;
  const s = Math.abs(past);
  const text = s < 60 ? `${Math.floor(s)} s` : s < 3600 ? `${Math.floor(s / 60)} min` : s < 172_800 ? `${Math.floor(s / 3600)} h` : `${Math.floor(s / 86_400)} d`;
  return past >= 0 ? `${text} ago` : `in ${text}`;
}

export const span = (seconds: number): string => (seconds < 60 ? `${seconds.toFixed(1)} s` : `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`);
export const percent = (part: number, whole: number): string => (whole > 0 ? `${((100 * part) / whole).toFixed(part === whole ? 0 : 1)} %` : "–");
export const short = (n: number): string => (n === 0 ? "0" : Math.abs(n) >= 1e5 || Math.abs(n) < 1e-3 ? n.toExponential(2) : String(Number(n.toPrecision(4))));
