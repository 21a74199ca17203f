// The frame around every page: navigation, live state, palette, messages; and which page an address is.
// SPDX-License-Identifier: Apache-2.0
import { signal } from "@preact/signals";
import type { FunctionComponent } from "preact";
import { useEffect, useState } from "preact/hooks";
import { logOut, may, session } from "./core/api";
import { count } from "./core/format";
import { link, overview } from "./core/live";
import { path, to } from "./core/router";
import { dismiss, toasts } from "./core/toast";
import { Login } from "./login";
import { Palette, openPalette } from "./palette";
import { Skeleton } from "./ui/parts";

type Loader = () => Promise<{ default: FunctionComponent }>;
/** By the first part of the address and the number of parts; the last one that is there counts. */
const pages: Record<string, Loader[]> = {
  "": [() => import("./pages/overview")],
  fleets: [() => import("./pages/fleets"), () => import("./pages/fleet")],
  devices: [() => import("./pages/devices"), () => import("./pages/devices"), () => import("./pages/device")],
  drift: [() => import("./pages/drifts"), () => import("./pages/drifts"), () => import("./pages/drift")],
  models: [() => import("./pages/models"), () => import("./pages/model")],
  jobs: [() => import("./pages/jobs"), () => import("./pages/jobs"), () => import("./pages/compile_job")],
  packages: [() => import("./pages/packages"), () => import("./pages/package")],
  deployments: [() => import("./pages/deployments"), () => import("./pages/deployment")],
  captures: [() => import("./pages/captures")],
  activity: [() => import("./pages/events")],
  users: [() => import("./pages/users")],
  settings: [() => import("./pages/settings")],
};

export interface Place {
  name: string;
  url: string;
  section: string;
  role?: "admin";
}
const watch = "Watch", ship = "Ship", run = "Installation";
export const places: Place[] = [
  { name: "Overview", url: to(), section: watch },
  { name: "Fleets", url: to("fleets"), section: watch },
  { name: "Devices", url: to("devices"), section: watch },
  { name: "Drift", url: to("drift"), section: watch },
  { name: "Captures", url: to("captures"), section: watch },
  { name: "Models", url: to("models"), section: ship },
  { name: "Jobs", url: to("jobs"), section: ship },
  { name: "Packages", url: to("packages"), section: ship },
  { name: "Deployments", url: to("deployments"), section: ship },
  { name: "Events", url: to("activity"), section: run },
  { name: "Users and keys", url: to("users"), section: run, role: "admin" },
  { name: "Settings", url: to("settings"), section: run },
];

const menuOpen = signal(false);

function Count({ of }: { of: string }) {
  const now = overview.value;
  if (!now) return null;
  if (of === "Devices") return <span class="count">{count(now.RegisteredDevices)}</span>;
  if (of === "Fleets") return <span class="count">{count(now.FleetCount)}</span>;
  if (of === "Jobs") {
    const running = now.Jobs.filter((jobs) => /INPROGRESS|STARTING/.test(jobs.JobStatus)).reduce((sum, jobs) => sum + jobs.Jobs, 0);
    return running ? <span class="count">{running} running</span> : null;
  }
  if (of === "Deployments") {
    const failed = now.Stages.filter((stage) => stage.Failed > 0).length;
    return failed ? <span class="count alert" title="Stages with failed devices">{failed} failing</span> : null;
  }
  return null;
}

function Side() {
  const first = path.value[0] ?? "";
  const shown = places.filter((place) => !place.role || may(place.role));
  return (
    <aside class={"side" + (menuOpen.value ? " open" : "")}>
      <a class="brand" href={to()}><img src="/console/favicon.svg" alt="" />Kedge</a>
      <nav aria-label="Pages">
        {[watch, ship, run].map((section) => (
          <div key={section}>
            <h2>{section}</h2>
            <ul>{shown.filter((place) => place.section === section).map((place) => (
              <li key={place.url}><a href={place.url} aria-current={place.url === to(...(first ? [first] : [])) ? "page" : undefined}>{place.name}<Count of={place.name} /></a></li>
            ))}</ul>
          </div>
        ))}
      </nav>
      <div class="foot">
        <span class="wrap">{session.value?.UserName}, {session.value?.Role}</span>
        <div class="row"><ThemeButton /><button type="button" class="button small" onClick={() => void logOut()}>Log out</button></div>
      </div>
    </aside>
  );
}

const themes = ["system", "light", "dark"];
function ThemeButton() {
  const [theme, setTheme] = useState(localStorage.getItem("kedge.theme") ?? "system");
  const change = () => {
    const next = themes[(themes.indexOf(theme) + 1) % themes.length] ?? "system";
    setTheme(next);
    localStorage.setItem("kedge.theme", next);
    if (next === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = next;
  };
  return <button type="button" class="button small" onClick={change} title="Change the theme">Theme: {theme}</button>;
}

const linkWords = { live: "Live", poll: "Every 5 s", off: "Not connected" };
function Top() {
  return (
    <div class="top" role="banner">
      <button type="button" class="button menu-button" aria-expanded={menuOpen.value} onClick={() => (menuOpen.value = !menuOpen.value)}>Menu</button>
      <button type="button" class="jump" onClick={() => openPalette()}>Go to a page, fleet or device<kbd>Ctrl K</kbd></button>
      <span class="grow" />
      <span class={`live ${link.value}`} role="status"><i />{linkWords[link.value]}</span>
    </div>
  );
}

function Body() {
  const [page, setPage] = useState<{ of: Loader; View: FunctionComponent } | null>(null);
  const [lost, setLost] = useState(false);
  const parts = path.value;
  const loaders = pages[parts[0] ?? ""];
  const loader = loaders?.[Math.min(Math.max(parts.length - 1, 0), loaders.length - 1)];
  useEffect(() => {
    menuOpen.value = false;
    let gone = false;
    setLost(false);
    loader?.().then((loaded) => gone || setPage({ of: loader, View: loaded.default }), () => gone || setLost(true));
    return () => { gone = true; };
  }, [loader]);
  if (!loader) return <><h1>There is no such page</h1><p><a href={to()}>To the overview</a></p></>;
  if (lost) return <div class="note bad" role="alert">This part of the console could not be loaded. <a href="">Load the page again</a>.</div>;
  if (page?.of !== loader) return <Skeleton lines={8} />;
  return <page.View key={parts.join("/")} />;
}

function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map((toast) => (
        <div class="toast" key={toast.id}>
          <span class="grow">{toast.text}</span>
          {toast.undo && <button type="button" onClick={() => { toast.undo?.(); dismiss(toast.id); }}>Undo</button>}
          <button type="button" aria-label="Dismiss" onClick={() => dismiss(toast.id)}>×</button>
        </div>
      ))}
    </div>
  );
}

export function App() {
  if (session.value === undefined) return <Skeleton lines={3} />;
  if (session.value === null) return <Login />;
  return (
    <>
      <a class="skip" href="#main">To the content</a>
      <div class="frame">
        <Side />
        <div class="grow">
          <Top />
          <main id="main" tabIndex={-1}><Body /></main>
        </div>
      </div>
      <Palette />
      <Toasts />
    </>
  );
}
