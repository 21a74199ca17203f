// The address is the state: every view and filter has one, and going back works.
// SPDX-License-Identifier: Apache-2.0
import { computed, signal } from "@preact/signals";

const base = "/console";
const here = () => ({ path: location.pathname.slice(base.length).replace(/\/+$/, "") || "/", query: location.search });
const place = signal(here());

addEventListener("popstate", () => (place.value = here()));

/** The parts of the path: /devices/lab/cam-1 is ["devices", "lab", "cam-1"]. */
export const path = computed(() => place.value.path.split("/").filter(Boolean).map(decodeURIComponent));
const query = computed(() => new URLSearchParams(place.value.query));

export const param = (name: string): string => query.value.get(name) ?? "";

/** to("devices", "lab", {q: "cam"}) is "/devices/lab?q=cam"; empty filters are left out. */
export function to(...parts: (string | Record<string, string | undefined>)[]): string {
  const names: string[] = [];
  const search = new URLSearchParams();
  for (const part of parts) {
    if (typeof part === "string") names.push(encodeURIComponent(part));
    else for (const [name, value] of Object.entries(part)) if (value) search.set(name, value);
  }
  const text = search.toString();
  return `${base}/${names.join("/")}${text ? "?" + text : ""}`;
}

export function go(url: string, replace = false): void {
  const before = place.value.path;
  history[replace ? "replaceState" : "pushState"](null, "", url);
  place.value = here();
  if (place.value.path === before) return;
  scrollTo(0, 0);
  queueMicrotask(() => document.querySelector<HTMLElement>("main")?.focus());
}

/** Changes filters of the view; the address before stays in history only for what is not typed. */
export function setParams(changes: Record<string, string>, replace = true): void {
  const next = new URLSearchParams(query.value);
  for (const [name, value] of Object.entries(changes)) value ? next.set(name, value) : next.delete(name);
  const text = next.toString();
  go(location.pathname + (text ? "?" + text : ""), replace);
}

/** Follows links of the console without loading the page anew. */
export function followLinks(event: MouseEvent): void {
  const link = (event.target as Element).closest?.("a");
  if (!link || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
  if (link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
  if (!link.pathname.startsWith(base) || link.pathname.startsWith(base + "/objects/")) return;
  event.preventDefault();
  go(link.pathname + link.search);
}
