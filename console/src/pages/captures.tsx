// What devices saw: pictures drawn, signals plotted, other tensors summarised.
// SPDX-License-Identifier: Apache-2.0
import { useEffect, useRef, useState } from "preact/hooks";
import type { Kedge } from "../../generated/api_types";
import { ApiError, call, readObject } from "../core/api";
import { aws } from "../core/cli";
import { count, short } from "../core/format";
import { overview } from "../core/live";
import { param, setParams } from "../core/router";
import { type CaptureEntry, type CaptureLine, type Tensor, fromBase64, paint, pictureOf, readTensor, summary } from "../core/tensor";
import { useLoaded } from "../core/use";
import { saveCsv } from "../ui/charts";
import { Choice, Dialog, Field } from "../ui/forms";
import { Await, Card, DeviceLink, Empty, Facts, Page, Problem } from "../ui/parts";

const pageSize = 24;
const signalMax = 4096;

interface Part { entry: CaptureEntry; tensor: Tensor | null; text: string | null }
interface Opened { inputs: Part[]; outputs: Part[]; meta: Record<string, string>; line: CaptureLine }

async function bytesOf(entry: CaptureEntry, rawPrefix: string): Promise<Uint8Array> {
  const ref = entry["data-ref"];
  if (ref !== undefined) return new Uint8Array(await readObject(`${rawPrefix.replace(/\/?$/, "/")}${ref.split("raw-data/").at(-1) ?? ""}`));
  return /BASE64/i.test(entry.encoding) ? fromBase64(entry.data ?? "") : new TextEncoder().encode(entry.data ?? "");
}

const opened = new Map<string, Promise<Opened>>();
/** A capture's tensors. Kept, as a stored capture never changes. */
function openCapture(fleet: string, location: string): Promise<Opened> {
  const key = `${fleet} ${location}`;
  let found = opened.get(key);
  if (!found) {
    if (opened.size > 300) opened.clear();
    opened.set(key, (found = read(fleet, location)));
    found.catch(() => opened.delete(key));
  }
  return found;
}

async function read(fleet: string, location: string): Promise<Opened> {
  const answer = await call("Kedge.GetCapture", { DeviceFleetName: fleet, Location: location });
  const line = JSON.parse(answer.Record) as CaptureLine;
  const parts = (list: CaptureEntry[] | undefined) => Promise.all((list ?? []).map(async (entry): Promise<Part> => {
    const bytes = await bytesOf(entry, answer.RawPrefix ?? "");
    const tensor = readTensor(entry, bytes);
    return { entry, tensor, text: tensor ? null : new TextDecoder().decode(bytes.slice(0, 2000)) };
  }));
  return { inputs: await parts([...(line.deviceFleetInputs ?? []), ...(line.deviceFleetAuxiliaryInputs ?? [])]), outputs: await parts([...(line.deviceFleetOutputs ?? []), ...(line.deviceFleetAuxiliaryOutputs ?? [])]), meta: line.eventMetadata ?? {}, line };
}

function Picture({ part }: { part: Part }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { tensor } = part;
  const picture = tensor && pictureOf(tensor);
  useEffect(() => { if (canvas.current && tensor && picture) paint(canvas.current, tensor, picture); }, [part]);
  if (picture) return <canvas ref={canvas} role="img" aria-label={`Picture of tensor ${part.entry.name}, ${picture.width} by ${picture.height}`} />;
  if (tensor && tensor.values.length >= 8 && tensor.values.length <= signalMax) return <Signal tensor={tensor} name={part.entry.name} />;
  return <span class="muted small">{tensor ? `${tensor.type} [${tensor.shape.join(", ")}]` : "text"}</span>;
}

function Signal({ tensor, name }: { tensor: Tensor; name: string }) {
  const s = summary(tensor);
  const height = 100, span = s.greatest - s.least || 1;
  const points = [...tensor.values].map((v, i) => `${((100 * i) / Math.max(1, tensor.values.length - 1)).toFixed(2)},${(height - 6 - ((v - s.least) / span) * (height - 12)).toFixed(2)}`).join(" ");
  return <svg viewBox={`0 0 100 ${height}`} preserveAspectRatio="none" class="hist" role="img" aria-label={`Signal ${name}, ${short(s.least)} to ${short(s.greatest)}`}><polyline points={points} fill="none" stroke="var(--series-1)" stroke-width="1.2" vector-effect="non-scaling-stroke" /></svg>;
}

/** The index of the greatest output and its value, where the outputs look like scores. */
function bestOf(o: Opened): { index: number; score: number } | null {
  const scores = o.outputs.find((p) => p.tensor && p.tensor.values.length > 1 && p.tensor.values.length <= 1000)?.tensor;
  if (!scores) return null;
  const s = summary(scores);
  return { index: s.best, score: s.greatest };
}

function Shot({ fleet, capture, filter }: { fleet: string; capture: Kedge.Capture; filter: (o: Opened) => boolean }) {
  const loaded = useLoaded("capture" + capture.Location, () => openCapture(fleet, capture.Location));
  const o = loaded.data;
  if (o && !filter(o)) return null;
  const best = o && bestOf(o);
  const first = o?.inputs.find((p) => p.tensor) ?? o?.inputs[0];
  return (
    <button type="button" class="shot" onClick={() => setParams({ at: capture.Location })}>
      <span class="pic">{first ? <Picture part={first} /> : loaded.error ? <span class="small muted">{loaded.error.message}</span> : null}</span>
      <span class="txt"><b class="wrap">{capture.DeviceName}</b><span>{capture.ModelHandle} {capture.ModelVersion ?? ""}{best ? ` · class ${best.index}, ${short(best.score)}` : ""}</span><span class="muted">{capture.InferenceTime.replace("T", " ")}</span></span>
    </button>
  );
}

function TensorFacts({ part }: { part: Part }) {
  if (!part.tensor) return <pre class="log" tabIndex={0}>{part.text}</pre>;
  const s = summary(part.tensor);
  return <Facts of={[["Type", `${part.tensor.type} [${part.tensor.shape.join(", ")}]`], ["Values", count(s.count)], ["Mean", short(s.mean)], ["Deviation", short(s.deviation)], ["Least, greatest", `${short(s.least)}, ${short(s.greatest)} (at ${count(s.best)})`], ["First", [...part.tensor.values.slice(0, 8)].map(short).join(", ")]]} />;
}

function One({ fleet, location, close }: { fleet: string; location: string; close: () => void }) {
  const loaded = useLoaded("capture" + location, () => openCapture(fleet, location));
  return (
    <Dialog title="Capture" close={close}>
      <Await of={loaded}>{(o) => (
        <div class="stack">
          <Facts of={Object.entries(o.meta).map(([name, value]): [string, string] => [name, String(value)])} />
          {[...o.inputs.map((p) => ["Input", p] as const), ...o.outputs.map((p) => ["Output", p] as const)].map(([word, part], i) => (
            <section class="stage" key={i}><h3>{word} {part.entry.name}</h3>{part.tensor && pictureOf(part.tensor) && <div class="shot"><span class="pic"><Picture part={part} /></span></div>}{part.tensor && !pictureOf(part.tensor) && <Picture part={part} />}<TensorFacts part={part} /></section>
          ))}
          <div class="end row">
            <button type="button" class="button" onClick={() => save(`${o.meta["eventId"] ?? "capture"}.json`, JSON.stringify(o.line, null, 2))}>Save as JSON</button>
            <button type="button" class="button first" onClick={close}>Close</button>
          </div>
        </div>
      )}</Await>
    </Dialog>
  );
}

function save(name: string, text: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

export default function Captures() {
  const fleets = overview.value?.Fleets.map((f) => f.DeviceFleetName) ?? [];
  const fleet = param("fleet") || fleets[0] || "";
  const request = { DeviceFleetName: fleet, MaxResults: pageSize, ...(param("device") ? { DeviceName: param("device") } : {}), ...(param("model") ? { ModelHandle: param("model") } : {}), ...(param("prefix") ? { FolderPrefix: param("prefix") } : {}),
    ...(Date.parse(param("after") + "Z") ? { TimeAfter: Date.parse(param("after") + "Z") / 1000 } : {}) };
  const key = JSON.stringify(request);
  const [rows, setRows] = useState<Kedge.Capture[] | null>(null);
  const [token, setToken] = useState<string | undefined>();
  const [error, setError] = useState<ApiError | null>(null);
  const more = (from?: string) => call("Kedge.ListCaptures", { ...request, ...(from ? { NextToken: from } : {}) })
    .then((page) => { setRows((old) => [...(from ? old ?? [] : []), ...page.Captures]); setToken(page.NextToken); }, (e: ApiError) => setError(e));
  useEffect(() => { setRows(null); setError(null); if (fleet) void more(); }, [key]);
  const wanted = param("class"), least = Number(param("min") || "0"), most = Number(param("max") || "Infinity");
  const filter = (o: Opened) => {
    if (!wanted && !least && most === Infinity) return true;
    const best = bestOf(o);
    return best !== null && (wanted === "" || best.index === Number(wanted)) && best.score >= least && best.score <= most;
  };
  return (
    <Page title="Captures" sub="Samples that devices kept, as they saw them.">
      <div class="filters">
        <Choice label="Fleet" value={fleet} set={(f) => setParams({ fleet: f })} of={fleets.map((f): [string, string] => [f, f])} />
        <Field label="Device" value={param("device")} set={(device) => setParams({ device })} />
        <Field label="Model handle" value={param("model")} set={(model) => setParams({ model })} list={[...new Set(overview.value?.Models.map((m) => m.ModelName))]} />
        <Field label="Class" type="number" value={param("class")} set={(c) => setParams({ class: c })} hint="index" />
        <Field label="Score from" value={param("min")} set={(min) => setParams({ min })} />
        <Field label="Score to" value={param("max")} set={(max) => setParams({ max })} />
        <Field label="Later than (UTC)" type="datetime-local" value={param("after")} set={(after) => setParams({ after })} />
      </div>
      <Card title="Gallery" more={rows && rows.length > 0 && <button type="button" class="button small" onClick={() => saveCsv("captures", [["device", "model", "version", "time", "id", "location"], ...rows.map((c) => [c.DeviceName, c.ModelHandle, c.ModelVersion, c.InferenceTime, c.CaptureId, c.Location])])}>CSV</button>}>
        {error ? <Problem error={error} /> : rows === null ? <div class="gallery" role="status" aria-label="Loading">{Array.from({ length: 8 }, (_, i) => <div class="shot" key={i}><span class="pic" /></div>)}</div>
          : rows.length === 0 ? <Empty title="No capture in the object store" cli={aws("s3", "sync", "/var/lib/kedge/capture", `s3://models/captures/`)}><p>Applications call CaptureData on the agent, or the agent captures by itself; what it has written is uploaded to the fleet's output location.</p></Empty>
          : <div class="gallery">{rows.map((c) => <Shot key={c.Location} fleet={fleet} capture={c} filter={filter} />)}</div>}
        {token && <p class="row"><button type="button" class="button" onClick={() => void more(token)}>More</button></p>}
      </Card>
      {param("at") && fleet && <One fleet={fleet} location={param("at")} close={() => setParams({ at: "" })} />}
      {param("device") && fleet && <p class="small muted">Only <DeviceLink fleet={fleet} name={param("device")} />.</p>}
    </Page>
  );
}
