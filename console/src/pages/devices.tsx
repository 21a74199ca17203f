// Devices: found, filtered and sorted by the server; only the rows in sight are drawn.
// SPDX-License-Identifier: Apache-2.0
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Kedge } from "../../generated/api_types";
import { type ApiError, type Ask, call, may } from "../core/api";
import { aws } from "../core/cli";
import { count } from "../core/format";
import { changes, overview } from "../core/live";
import { param, path, setParams } from "../core/router";
import { CsvButton } from "../ui/charts";
import { Choice, Field } from "../ui/forms";
import { Card, DeviceLink, Empty, FleetLink, Mark, Page, Problem, Skeleton, Time } from "../ui/parts";
import { RegisterDevices } from "./register";

const rowHeight = 36;
const pageRows = 100;
const overscan = 8;
const settleMs = 40;
const freshMs = 5000;

type Search = Ask<"Kedge.ListDeviceStates">;

/** Rows by their place. Without filters any place can be asked for; with them, one page after the other. */
class Rows {
  rows: (Kedge.DeviceState | undefined)[] = [];
  token: string | undefined;
  ended = false;
  private asked = new Set<number>();
  constructor(readonly search: Search, readonly total: number | null, private changed: () => void, private failed: (e: ApiError) => void) {}

  async want(first: number, last: number): Promise<void> {
    for (let page = Math.floor(first / pageRows); page <= Math.floor(last / pageRows); ++page) {
      if (this.total === null && (page * pageRows > this.rows.length || (this.ended && page > 0))) break;
      if (this.asked.has(page)) continue;
      this.asked.add(page);
      try {
        const more = this.total === null ? (page && this.token ? { NextToken: this.token } : {}) : page ? { Skip: page * pageRows } : {};
        const answer = await call("Kedge.ListDeviceStates", { ...this.search, ...more, MaxResults: pageRows });
        answer.Devices.forEach((device, i) => (this.rows[page * pageRows + i] = device));
        this.token = answer.NextToken;
        this.ended = this.total === null ? !answer.NextToken : false;
        // A page that looked at many devices in vain goes on where it ended.
        if (this.total === null && answer.Devices.length < pageRows && answer.NextToken) this.asked.delete(page);
        this.changed();
      } catch (error) {
        this.failed(error as ApiError);
        return;
      }
    }
  }
}

function searchOf(): Search {
  const part = (name: string) => param(name) || undefined;
  const clean: Record<string, string | undefined> = {
    DeviceFleetName: path.value[1] ?? part("fleet"), NameContains: part("q"), Connection: part("connection"), ModelName: part("model"),
    ModelVersion: part("model") && part("version"), AgentVersion: part("agent"), SortBy: part("sort"), SortOrder: part("order"),
  };
  return Object.fromEntries(Object.entries(clean).filter(([, value]) => value)) as Search;
}

function List({ search, total }: { search: Search; total: number | null }) {
  const [, draw] = useState(0);
  const [top, setTop] = useState(0);
  const [error, setError] = useState<ApiError | null>(null);
  const box = useRef<HTMLDivElement>(null);
  const shown = useRef<Rows | null>(null);
  const key = JSON.stringify([search, total]);
  const next = useMemo(() => new Rows(search, total, () => { shown.current = next; performance.mark("kedge-devices-drawn"); draw((n) => n + 1); }, setError), [key]);
  const height = box.current?.clientHeight ?? 600;
  const change = changes.value;
  useEffect(() => {
    setError(null);
    const wait = setTimeout(() => { box.current?.scrollTo(0, 0); void next.want(0, pageRows - 1); }, settleMs);
    return () => clearTimeout(wait);
  }, [next]);
  useEffect(() => {
    if (shown.current === next) void next.want(Math.floor(top / rowHeight), Math.ceil((top + height) / rowHeight) + overscan);
  }, [top, height, shown.current, next.rows.length]);
  // The rows in sight are asked for again now and then, in place.
  useEffect(() => {
    const timer = setInterval(() => {
      if (document.hidden || top > 0 || shown.current !== next) return;
      void call("Kedge.ListDeviceStates", { ...search, MaxResults: pageRows }).then((a) => { a.Devices.forEach((d, i) => (next.rows[i] = d)); draw((n) => n + 1); }, () => {});
    }, freshMs);
    return () => clearInterval(timer);
  }, [next, top, change]);
  const now = shown.current;
  if (error) return <Problem error={error} />;
  if (!now) return <Skeleton lines={10} />;
  if (now.rows.length === 0 && now.ended) return <Nothing search={search} />;
  const size = total ?? now.rows.length + (now.ended ? 0 : 1);
  const first = Math.max(0, Math.floor(top / rowHeight) - overscan);
  const last = Math.min(size, Math.ceil((top + height) / rowHeight) + overscan);
  const sort = (by: string) => setParams({ sort: by, order: (search.SortBy ?? "NAME") === by && search.SortOrder !== "Descending" ? "Descending" : "" });
  const sorted = (by: string) => ((search.SortBy ?? "NAME") === by ? (search.SortOrder === "Descending" ? "descending" : "ascending") : "none");
  const arrow = (by: string) => ({ ascending: " ↑", descending: " ↓", none: "" })[sorted(by)];
  return (
    <div class="vlist" ref={box} tabIndex={0} role="table" aria-label="Devices" aria-rowcount={size} onScroll={(event) => setTop(event.currentTarget.scrollTop)}>
      <div class="vhead" role="row">
        <span role="columnheader" aria-sort={sorted("NAME") as "none"}><button type="button" class="button plain small" onClick={() => sort("NAME")}>Device{arrow("NAME")}</button></span>
        <span role="columnheader">Fleet</span><span role="columnheader">Connection</span>
        <span role="columnheader" aria-sort={sorted("LATEST_HEARTBEAT") as "none"}><button type="button" class="button plain small" onClick={() => sort("LATEST_HEARTBEAT")}>Heartbeat{arrow("LATEST_HEARTBEAT")}</button></span>
        <span role="columnheader">Agent</span><span role="columnheader">Models</span>
      </div>
      <div class="vpad" role="rowgroup" style={{ height: `${size * rowHeight}px` }}>
        {Array.from({ length: Math.max(0, last - first) }, (_, i) => first + i).map((i) => {
          const d = now.rows[i];
          return (
            <div class="vrow" role="row" key={i} aria-rowindex={i + 1} style={{ top: `${i * rowHeight}px` }}>
              {d ? <>
                <span role="cell"><DeviceLink fleet={d.DeviceFleetName} name={d.DeviceName} /></span>
                <span role="cell"><FleetLink name={d.DeviceFleetName} /></span>
                <span role="cell"><Mark state={d.Connection} /></span>
                <span role="cell"><Time at={d.LatestHeartbeat} /></span>
                <span role="cell">{d.AgentVersion ?? "–"}</span>
                <span role="cell" title={d.Models.map((m) => `${m.ModelName} ${m.ModelVersion}`).join(", ")}>{d.Models.map((m) => `${m.ModelName} ${m.ModelVersion}`).join(", ") || "–"}</span>
              </> : <span role="cell" class="muted">…</span>}
            </div>
          );
        })}
      </div>
    </div>
  );
}

function Nothing({ search }: { search: Search }) {
  const isFiltered = Object.keys(search).some((name) => !["DeviceFleetName", "SortBy", "SortOrder"].includes(name));
  if (isFiltered) return <Empty title="No device passes these filters"><button type="button" class="button" onClick={() => setParams({ q: "", connection: "", model: "", version: "", agent: "" })}>Take the filters off</button></Empty>;
  return <Empty title="No device yet" cli={aws("sagemaker", "register-devices", "--device-fleet-name", search.DeviceFleetName ?? "workshop", "--devices", "DeviceName=camera-1")}><p>Register devices in a fleet, then run the enrolment command on each.</p></Empty>;
}

export default function Devices() {
  const search = searchOf();
  const now = overview.value;
  const fleets = now?.Fleets ?? [];
  const isFiltered = search.NameContains || search.Connection || search.ModelName || search.AgentVersion;
  const total = isFiltered ? null : search.DeviceFleetName ? fleets.find((f) => f.DeviceFleetName === search.DeviceFleetName)?.RegisteredDevices ?? null : now?.RegisteredDevices ?? null;
  const models = [...new Set(now?.Models.map((m) => m.ModelName))];
  const versions = now?.Models.filter((m) => m.ModelName === search.ModelName).map((m) => m.ModelVersion) ?? [];
  const names = (list: string[], all: string): [string, string][] => [["", all], ...list.map((name): [string, string] => [name, name])];
  const withNow = (list: string[], value: string | undefined) => (value && !list.includes(value) ? [...list, value] : list);
  const exported = async () => {
    const rows: (string | number | undefined)[][] = [["fleet", "device", "connection", "latest heartbeat", "agent", "models"]];
    let token: string | undefined;
    do {
      const page = await call("Kedge.ListDeviceStates", { ...search, MaxResults: 100, ...(token ? { NextToken: token } : {}) });
      rows.push(...page.Devices.map((d) => [d.DeviceFleetName, d.DeviceName, d.Connection, d.LatestHeartbeat ? new Date(d.LatestHeartbeat * 1000).toISOString() : "", d.AgentVersion, d.Models.map((m) => `${m.ModelName} ${m.ModelVersion}`).join("; ")]));
      token = page.NextToken;
    } while (token && rows.length < 10_000);
    return rows;
  };
  const [csv, setCsv] = useState<(string | number | undefined)[][] | null>(null);
  useEffect(() => setCsv(null), [JSON.stringify(search)]);
  return (
    <Page title="Devices" sub={total !== null ? `${count(total)} registered${search.DeviceFleetName ? " in " + search.DeviceFleetName : ""}` : undefined}
      actions={may("operator") && search.DeviceFleetName && <RegisterDevices fleet={search.DeviceFleetName} done={() => changes.value++} />}>
      <div class="filters">
        <Field label="Name contains" type="search" value={param("q")} set={(q) => setParams({ q })} grow placeholder="Press / to come here" max={63} />
        <Choice label="Fleet" value={search.DeviceFleetName ?? ""} set={(fleet) => setParams({ fleet })} of={names(withNow(fleets.map((f) => f.DeviceFleetName), search.DeviceFleetName), "All fleets")} />
        <Choice label="Connection" value={param("connection")} set={(connection) => setParams({ connection })} of={[["", "Any"], ["CONNECTED", "Connected"], ["LATE", "Late"], ["OFFLINE", "Offline"], ["NEVER", "Never heard of"]]} />
        <Choice label="Model" value={param("model")} set={(model) => setParams({ model, version: "" })} of={names(withNow(models, search.ModelName), "Any model")} />
        {search.ModelName && <Choice label="Version" value={param("version")} set={(version) => setParams({ version })} of={names(withNow(versions, search.ModelVersion), "Any version")} />}
        <Choice label="Agent" value={param("agent")} set={(agent) => setParams({ agent })} of={names(withNow(now?.AgentVersions.map((a) => a.Version) ?? [], search.AgentVersion), "Any agent")} />
      </div>
      <Card title={isFiltered ? "Devices that pass the filters" : "All devices"} flush more={csv ? <CsvButton name="devices" rows={() => csv} /> : <button type="button" class="button small" onClick={() => void exported().then(setCsv)}>Prepare CSV</button>}>
        <List search={search} total={total} />
      </Card>
    </Page>
  );
}
