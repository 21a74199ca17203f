// The small parts that every page is made of.
// SPDX-License-Identifier: Apache-2.0
import type { ComponentChildren as Children } from "preact";
import { useState } from "preact/hooks";
import type { ApiError } from "../core/api";
import { ago, time } from "../core/format";
import { to } from "../core/router";
import { tell } from "../core/toast";

export function Page(props: { title: string; crumbs?: [string, string][]; sub?: Children; actions?: Children; children?: Children }) {
  document.title = `${props.title} · Kedge`;
  return (
    <>
      <div class="head">
        <div class="grow">
          {props.crumbs && (
            <nav class="crumbs" aria-label="Where you are">
              {props.crumbs.map(([name, url]) => <span key={url}><a href={url}>{name}</a> / </span>)}
            </nav>
          )}
          <h1>{props.title}</h1>
          {props.sub && <p class="sub">{props.sub}</p>}
        </div>
        {props.actions && <div class="do">{props.actions}</div>}
      </div>
      {props.children}
    </>
  );
}

export function Card(props: { title: string; more?: Children; children?: Children; flush?: boolean; span?: boolean }) {
  return (
    <section class={"card" + (props.span ? " span" : "")} aria-label={props.title}>
      <header>
        <h2>{props.title}</h2>
        {props.more && <div class="more">{props.more}</div>}
      </header>
      {props.flush ? props.children : <div class="in">{props.children}</div>}
    </section>
  );
}

export function Figure(props: { label: string; value: string; unit?: string; hint?: string; href?: string; tone?: string; test?: string }) {
  const inner = (
    <>
      <span class="label">{props.label}</span>
      <span class="value" data-test={props.test}>{props.value}{props.unit && <small>{props.unit}</small>}</span>
      {props.hint && <span class="hint">{props.hint}</span>}
    </>
  );
  const name = "figure " + (props.tone ?? "");
  return props.href ? <a class={name} href={props.href}>{inner}</a> : <div class={name}>{inner}</div>;
}

const tones: Record<string, string> = {
  COMPLETED: "good", DEPLOYED: "good", CONNECTED: "good", ACTIVE: "good", APPROVED: "good", QUIET: "good", SUCCEEDED: "good", VALID: "good",
  READYTODEPLOY: "idle", NEVER: "idle", STOPPED: "idle", CLOSED: "idle", LEARNING: "idle", INFO: "idle",
  FAILED: "bad", ALARM: "bad", ERROR: "bad", OFFLINE: "bad", REJECTED: "bad", REVOKED: "bad",
  LATE: "warn", WATCH: "warn", WARNING: "warn", ACKNOWLEDGED: "warn", SILENCED: "warn", STOPPING: "warn", PENDING: "warn",
  STARTING: "busy", INPROGRESS: "busy", CREATING: "busy", QUEUED: "busy", DELIVERED: "busy",
};
export function Mark({ state }: { state: string | undefined }) {
  if (!state) return <span class="muted">–</span>;
  const words = state.replace(/_/g, " ").toLowerCase().replace("inprogress", "in progress").replace("readytodeploy", "ready to deploy");
  return <span class={"mark " + (tones[state] ?? "idle")}>{words}</span>;
}

export function Time({ at }: { at: number | undefined }) {
  if (at === undefined) return <span class="muted">never</span>;
  return <time title={time(at)} dateTime={new Date(at * 1000).toISOString()}>{ago(at)}</time>;
}

export function Facts(props: { of: [string, Children][] }) {
  return (
    <dl class="facts">
      {props.of.filter(([, value]) => value !== undefined && value !== "").flatMap(([name, value]) => [<dt key={name}>{name}</dt>, <dd key={name + "="}>{value}</dd>])}
    </dl>
  );
}

export function CopyBox({ text, label = "Copy" }: { text: string; label?: string }) {
  const copy = () => navigator.clipboard.writeText(text).then(() => tell("Copied."), () => tell("The browser did not let the text be copied."));
  return (
    <div class="cli">
      <pre tabIndex={0}>{text}</pre>
      <button type="button" class="button small" onClick={() => void copy()}>{label}</button>
    </div>
  );
}

/** What to do where nothing is yet: a button, and the same as a command. */
export function Empty(props: { title: string; children?: Children; cli?: string }) {
  return (
    <div class="empty">
      <h3>{props.title}</h3>
      {props.children}
      {props.cli && <CopyBox text={props.cli} />}
    </div>
  );
}

export const Skeleton = ({ lines = 5 }: { lines?: number }) => (
  <div class="skeleton" role="status" aria-label="Loading">{Array.from({ length: lines }, (_, i) => <i key={i} />)}</div>
);

export function Problem({ error, again }: { error: ApiError; again?: () => void }) {
  return (
    <div class="in"><div class="note bad row" role="alert">
      <span class="grow"><b>{error.code}</b> {error.message}</span>
      {again && <button type="button" class="button small" onClick={again}>Try again</button>}
    </div></div>
  );
}

/** A skeleton, the reason why there is nothing, or the content. */
export function Await<T>(props: { of: { data: T | undefined; error: ApiError | undefined; again: () => void }; lines?: number; children: (data: T) => Children }) {
  const { data, error, again } = props.of;
  return (
    <>
      {error && <Problem error={error} again={again} />}
      {data !== undefined ? props.children(data) : !error && <Skeleton lines={props.lines} />}
    </>
  );
}

export interface Column<T> {
  name: string;
  cell: (row: T) => Children;
  num?: boolean;
}
const rowsShown = 200;
export function Table<T>(props: { label: string; columns: Column<T>[]; rows: T[]; id: (row: T) => string; empty?: Children }) {
  const [most, setMost] = useState(rowsShown);
  if (props.rows.length === 0) return <>{props.empty ?? <Empty title="Nothing here yet" />}</>;
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={props.label}>
      <table>
        <thead><tr>{props.columns.map((c) => <th key={c.name} scope="col" class={c.num ? "num" : ""}>{c.name}</th>)}</tr></thead>
        <tbody>
          {props.rows.slice(0, most).map((row) => (
            <tr key={props.id(row)}>{props.columns.map((c) => <td key={c.name} class={c.num ? "num" : ""}>{c.cell(row)}</td>)}</tr>
          ))}
        </tbody>
      </table>
      {props.rows.length > most && <p class="in"><button type="button" class="button" onClick={() => setMost(most + rowsShown)}>Show more</button></p>}
    </div>
  );
}

export function Tabs(props: { of: [string, string][]; now: string; url: (tab: string) => string }) {
  return (
    <nav class="tabs" aria-label="Parts of this page">
      {props.of.map(([id, name]) => <a key={id} href={props.url(id)} aria-current={id === props.now ? "page" : undefined}>{name}</a>)}
    </nav>
  );
}

export const FleetLink = ({ name }: { name: string }) => <a href={to("fleets", name)}>{name}</a>;
export const DeviceLink = ({ fleet, name }: { fleet: string; name: string }) => <a href={to("devices", fleet, name)}>{name}</a>;
