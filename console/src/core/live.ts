// What happens, as it happens: server-sent events, or asking every few seconds if they do not come.
// SPDX-License-Identifier: Apache-2.0
import { signal } from "@preact/signals";
import type { Kedge } from "../../generated/api_types";
import { call, session } from "./api";

const feedMax = 200;
const pollMs = 5000;
const failuresMax = 3;

export const overview = signal<Kedge.GetOverviewAnswer | null>(null);
/** The newest first, since the page was loaded. */
export const feed = signal<Kedge.Event[]>([]);
/** Grows with everything that may have changed what a page shows. */
export const changes = signal(0);
export const link = signal<"live" | "poll" | "off">("off");

let source: EventSource | null = null;
let timer = 0;
let failures = 0;
let cursor = "";

function heard(events: Kedge.Event[]): void {
  if (events.length === 0) return;
  feed.value = [...events.reverse(), ...feed.value].slice(0, feedMax);
  changes.value++;
}

async function poll(): Promise<void> {
  try {
    overview.value = await call("Kedge.GetOverview", {});
    const page = await call("Kedge.ListEvents", cursor ? { Since: cursor } : { SortOrder: "Descending", MaxResults: 1 });
    if (cursor) heard(page.Events);
    cursor = page.Cursor;
    link.value = "poll";
  } catch {
    link.value = "off";
  }
}

function startPolling(): void {
  source?.close();
  source = null;
  clearInterval(timer);
  timer = window.setInterval(() => session.value && void poll(), pollMs);
  void poll();
}

export function listen(): void {
  stop();
  failures = 0;
  source = new EventSource("/console/events");
  source.onopen = () => {
    failures = 0;
    link.value = "live";
  };
  // Each answer ends, which is no failure; several ends without an answer between them are.
  source.onerror = () => {
    if (++failures < failuresMax && source?.readyState !== EventSource.CLOSED) return;
    link.value = "off";
    startPolling();
  };
  source.addEventListener("feed", (event) => {
    cursor = event.lastEventId.split("-")[0] ?? "";
    heard([JSON.parse(event.data) as Kedge.Event]);
  });
  source.addEventListener("overview", (event) => {
    overview.value = JSON.parse(event.data) as Kedge.GetOverviewAnswer;
  });
}

export function stop(): void {
  source?.close();
  source = null;
  clearInterval(timer);
  overview.value = null;
  link.value = "off";
}
