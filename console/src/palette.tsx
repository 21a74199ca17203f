// Ctrl+K: to any page, fleet, device, model or plan by typing a part of its name.
// SPDX-License-Identifier: Apache-2.0
import { signal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { places } from "./app";
import { call, may, session } from "./core/api";
import { go, to } from "./core/router";

interface Item { name: string; kind: string; url: string }
const open = signal(false);
export const openPalette = (): void => { open.value = true; };

const keys: Record<string, string> = { o: to(), f: to("fleets"), d: to("devices"), m: to("models"), j: to("jobs"), p: to("packages"), r: to("deployments"), c: to("captures"), a: to("drift"), e: to("activity"), s: to("settings") };
let prefix = 0;
addEventListener("keydown", (event) => {
  if (session.value == null) return;
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    open.value = !open.value;
    return;
  }
  const typing = (event.target as Element).closest?.("input, textarea, select, dialog");
  if (typing || event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.key === "/") {
    const search = document.querySelector<HTMLInputElement>("main input[type=search], main .filters input");
    if (search) { event.preventDefault(); search.focus(); }
  } else if (Date.now() - prefix < 1200 && keys[event.key]) {
    go(keys[event.key] ?? to());
  }
  prefix = event.key === "g" ? Date.now() : 0;
});

async function find(text: string): Promise<Item[]> {
  const NameContains = text.replace(/[^a-zA-Z0-9-]/g, "");
  if (!NameContains) return [];
  const [fleets, devices, models, plans] = await Promise.all([
    call("SageMaker.ListDeviceFleets", { NameContains, MaxResults: 5 }), call("Kedge.ListDeviceStates", { NameContains, MaxResults: 8 }),
    call("Kedge.ListModels", { NameContains, MaxResults: 5 }), call("SageMaker.ListEdgeDeploymentPlans", { NameContains, MaxResults: 5 })]);
  return [
    ...fleets.DeviceFleetSummaries.map((f) => ({ name: f.DeviceFleetName, kind: "fleet", url: to("fleets", f.DeviceFleetName) })),
    ...devices.Devices.map((d) => ({ name: d.DeviceName, kind: "device of " + d.DeviceFleetName, url: to("devices", d.DeviceFleetName, d.DeviceName) })),
    ...models.Models.map((m) => ({ name: m.ModelName, kind: "model", url: to("models", m.ModelName) })),
    ...plans.EdgeDeploymentPlanSummaries.map((p) => ({ name: p.EdgeDeploymentPlanName, kind: "deployment", url: to("deployments", p.EdgeDeploymentPlanName) })),
  ];
}

const settleMs = 60;
function Box() {
  const ref = useRef<HTMLDialogElement>(null);
  const [text, setText] = useState("");
  const [found, setFound] = useState<Item[]>([]);
  const [at, setAt] = useState(0);
  useEffect(() => { ref.current?.showModal(); }, []);
  useEffect(() => {
    let gone = false;
    const wait = setTimeout(() => void find(text).then((items) => gone || setFound(items), () => gone || setFound([])), settleMs);
    return () => { gone = true; clearTimeout(wait); };
  }, [text]);
  const items = [
    ...places.filter((p) => (!p.role || may(p.role)) && p.name.toLowerCase().includes(text.toLowerCase())).map((p) => ({ name: p.name, kind: "page", url: p.url })),
    ...found];
  const now = Math.min(at, items.length - 1);
  const pick = (item: Item | undefined) => { if (item) { open.value = false; go(item.url); } };
  const key = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      setAt((now + (event.key === "ArrowDown" ? 1 : items.length - 1)) % Math.max(1, items.length));
    } else if (event.key === "Enter") {
      event.preventDefault();
      pick(items[now]);
    }
  };
  return (
    <dialog class="palette" ref={ref} aria-label="Go to" onClose={() => (open.value = false)} onClick={(event) => event.target === ref.current && (open.value = false)}>
      <input type="text" role="combobox" aria-expanded="true" aria-controls="palette-list" aria-label="Name of a page, fleet, device, model or deployment"
        aria-activedescendant={now >= 0 ? "palette-" + now : undefined} placeholder="Go to …" autofocus value={text} onInput={(event) => { setText(event.currentTarget.value); setAt(0); }} onKeyDown={key} />
      <ul id="palette-list" role="listbox" aria-label="Found">
        {items.map((item, i) => (
          <li key={item.url} id={"palette-" + i} role="option" aria-selected={i === now} onClick={() => pick(item)} onMouseMove={() => setAt(i)}><span>{item.name}</span><span>{item.kind}</span></li>
        ))}
      </ul>
    </dialog>
  );
}

export const Palette = () => (open.value ? <Box /> : null);
