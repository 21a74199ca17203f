// Drift of one model in one fleet: evidence over time, features, histogram, devices and tags.
// SPDX-License-Identifier: Apache-2.0
import { useState } from "preact/hooks";
import type { Kedge } from "../../generated/api_types";
import { call, may } from "../core/api";
import { count, percent, short } from "../core/format";
import { param, path, setParams, to } from "../core/router";
import { tell } from "../core/toast";
import { useAll, useCall } from "../core/use";
import { Bars, CsvButton, Histogram, Lines } from "../ui/charts";
import { Choice, Field, Form, Opens } from "../ui/forms";
import { Await, Card, DeviceLink, Empty, Facts, Figure, Mark, Page, Table, Time } from "../ui/parts";
import { Acknowledge, Evidence, evidenceTitle } from "./drifts";

const freshMs = 5000;
interface Which { DeviceFleetName: string; ModelName: string; ModelVersion: string }

function History({ which, done }: { which: Which; done: () => void }) {
  const resolution = param("resolution") === "HOUR" ? "HOUR" : "MINUTE";
  const history = useCall("Kedge.GetDriftHistory", { ...which, Resolution: resolution }, freshMs);
  return (
    <Card title="Evidence over time" span more={<Choice bare label="Time shown" value={resolution} set={(r) => setParams({ resolution: r === "HOUR" ? r : "" })} of={[["MINUTE", "Last 3 hours"], ["HOUR", "Last 30 days"]]} />}>
      <Await of={history}>{(h) => {
        const times = [...new Set(h.Series.flatMap((s) => s.Points.map((p) => p.Time)))].sort((a, b) => a - b);
        const series = h.Series.slice(0, 6).map((s) => { const by = new Map(s.Points.map((p) => [p.Time, p.EvidenceLog10])); return { name: s.FeatureName ?? "model", values: times.map((t) => by.get(t) ?? null) }; });
        return (
          <div class="stack">
            {times.length > 0 ? <Lines name="drift-evidence" unit="log10 of days" times={times} series={series} line={{ at: h.ThresholdLog10, name: "alarm line" }} height={240} /> : <p class="muted">No report in this time.</p>}
            {h.Alarms.map((alarm) => <div class="row" key={alarm.AlarmId}><Mark state={alarm.State} /><span>opened <Time at={alarm.OpenTime} />, evidence {alarm.EvidenceLog10.toFixed(1)}, {count(alarm.AffectedDevices)} devices{alarm.Actor ? `, ${alarm.Actor}` : ""}{alarm.Comment ? `: ${alarm.Comment}` : ""}</span><span class="grow" /><Acknowledge alarm={alarm} done={() => { history.again(); done(); }} /></div>)}
          </div>
        );
      }}</Await>
    </Card>
  );
}

const binsOf = (f: Kedge.DriftFeature): string[] =>
  f.Categories?.length ? f.Categories : f.ReferenceCounts.map((_, i) => (i === 0 ? `≤ ${short(f.CutPoints[0] ?? 0)}` : i < f.CutPoints.length ? `≤ ${short(f.CutPoints[i] ?? 0)}` : `> ${short(f.CutPoints.at(-1) ?? 0)}`));

function Feature({ feature: f, which, line }: { feature: Kedge.DriftFeature; which: Which; line: number }) {
  const faults: [string, number][] = [["Nulls", f.Nulls], ["NaN", f.Nans], ["Infinite", f.Infinities], ["Outside of the range", f.OutOfRange], ["Frozen", f.Frozen], ["Categories not seen before", f.Unseen]];
  const d = f.Distances;
  return (
    <Card title={`${f.Name}: reference (grey) against now (orange)`} more={<CsvButton name={`histogram-${f.Name}`} rows={() => [["bin", "reference", "now"], ...binsOf(f).map((bin, i) => [bin, f.ReferenceCounts[i], f.CurrentCounts[i]])]} />}>
      <div class="stack">
        <Histogram labels={binsOf(f)} reference={f.ReferenceCounts} current={f.CurrentCounts} unit={f.Name} />
        <Facts of={[["Shift of the mean", f.EffectSd !== undefined ? `${f.EffectSd.toFixed(2)} deviations (95 %: ${(f.EffectLower ?? NaN).toFixed(2)} to ${(f.EffectUpper ?? NaN).toFixed(2)})` : ""], ["Evidence", <Evidence log10={f.EvidenceLog10} line={line} />], ["Samples", count(f.Samples)],
          ["Distances", d && `KS ${d.Ks.toFixed(3)}, PSI ${d.Psi.toFixed(3)}, JS ${d.Js.toFixed(3)}, W1 ${d.W1.toFixed(2)}`], ["Faults", faults.filter(([, n]) => n > 0).map(([word, n]) => `${word}: ${count(n)} (${percent(n, f.Samples)})`).join(", ") || "none"],
          ["Devices", <a href={to("drift", which.DeviceFleetName, which.ModelName, { version: which.ModelVersion, feature: f.Name })}>{count(f.AffectedDevices)} named for it</a>]]} />
        {f.Tags && f.Tags.length > 0 && <><h3>Tags that explain it</h3><Bars unit="devices affected" of={f.Tags.slice(0, 8).map((t) => ({ name: `${t.Key} = ${t.Value}`, value: t.AffectedDevices, note: `of ${count(t.Devices)}`, href: undefined }))} /></>}
      </div>
    </Card>
  );
}

function Affected({ which, feature }: { which: Which; feature: string }) {
  const devices = useAll("Kedge.ListDriftDevices", { ...which, ...(feature && param("feature") ? { FeatureName: feature } : {}) }, (page) => page.Devices, 5);
  return (
    <Card title={param("feature") ? `Devices named for ${feature}` : "Devices, affected ones first"} flush more={<CsvButton name="drift-devices" rows={() => [["device", "named", "features", "samples"], ...(devices.data ?? []).map((d) => [d.DeviceName, String(d.Named), d.Features.map((f) => `${f.Name} ${f.EvidenceLog10.toFixed(1)}`).join("; "), d.Samples])]} />}>
      <Await of={devices}>{(rows) => <Table label="Devices" rows={rows} id={(d) => d.DeviceName} empty={<div class="in muted">None.</div>} columns={[
        { name: "Device", cell: (d) => <DeviceLink fleet={which.DeviceFleetName} name={d.DeviceName} /> }, { name: "State", cell: (d) => <Mark state={d.Named ? "ALARM" : "QUIET"} /> }, { name: "Features (log10)", cell: (d) => d.Features.slice(0, 4).map((f) => `${f.Name} ${f.EvidenceLog10.toFixed(1)}`).join(", ") },
        { name: "Samples", num: true, cell: (d) => count(d.Samples) }, { name: "Latest report", cell: (d) => <Time at={d.LatestReportTime} /> }, { name: "Captures", cell: (d) => <a href={to("captures", { fleet: which.DeviceFleetName, device: d.DeviceName })}>{d.CaptureActive ? "asked for" : "gallery"}</a> }]} />}</Await>
    </Card>
  );
}

function Quality({ which }: { which: Which }) {
  const quality = useCall("Kedge.GetModelQuality", which);
  return (
    <Card title="Quality">
      <Await of={quality} lines={3}>{(q) => (
        <div class="stack">
          {q.Estimate && <Facts of={[["Estimated without labels", `${percent(q.Estimate.Value, 1)} (95 %: ${percent(q.Estimate.Lower, 1)} to ${percent(q.Estimate.Upper, 1)}), ${q.Estimate.Method}`], ["On validation data", q.Estimate.ReferenceValue !== undefined ? percent(q.Estimate.ReferenceValue, 1) : ""], ["Assumption", q.Estimate.AssumptionBroken ? <b>contradicted by labels</b> : "not contradicted"]]} />}
          {q.Samples > 0 ? <Facts of={[["Samples with labels", count(q.Samples)], ...q.Metrics.map((m): [string, string] => [m.Name, m.Value.toFixed(4) + (m.StandardError ? ` ± ${m.StandardError.toFixed(4)}` : "")])]} /> : <p class="muted">No labels yet: UploadGroundTruth brings them.</p>}
        </div>
      )}</Await>
    </Card>
  );
}

function Silence({ which, silenced, done }: { which: Which; silenced: boolean; done: () => void }) {
  const [minutes, setMinutes] = useState("1440"), [comment, setComment] = useState("");
  const unsilence = () => call("Kedge.UnsilenceDrift", which).then(done);
  const silence = async () => {
    await call("Kedge.SilenceDrift", { ...which, Minutes: Number(minutes), ...(comment ? { Comment: comment } : {}) });
    tell(`${which.ModelName} is silent.`, () => void unsilence());
    done();
  };
  if (silenced) return <button type="button" class="button" onClick={() => void unsilence()}>Let it alert again</button>;
  return (
    <Opens word="Silence" title={`Silence alerts of ${which.ModelName} ${which.ModelVersion}?`}>{(close) => (
      <Form word="Silence" cancel={close} submit={() => silence().then(close)}>
        <p>Evidence is still gathered and shown; nobody is told. An open alarm becomes silenced.</p>
        <Choice label="For" value={minutes} set={setMinutes} of={[["60", "an hour"], ["1440", "a day"], ["10080", "a week"], ["43200", "30 days"]]} /><Field label="Comment" value={comment} set={setComment} max={1024} />
      </Form>)}</Opens>
  );
}

export default function DriftOfModel() {
  const [, DeviceFleetName = "", ModelName = ""] = path.value;
  const which = { DeviceFleetName, ModelName, ModelVersion: param("version") };
  const described = useCall("Kedge.DescribeDrift", which, freshMs);
  const name = param("feature") || described.data?.Features[0]?.Name || "";
  const feature = described.data?.Features.find((f) => f.Name === name);
  return (
    <Page title={`${ModelName} ${which.ModelVersion}`} crumbs={[["Drift", to("drift")], [DeviceFleetName, to("fleets", DeviceFleetName)]]}
      actions={may("operator") && described.data && <Silence which={which} silenced={described.data.Model.State === "SILENCED"} done={described.again} />}>
      <Await of={described}>{({ Model: m, Features }) => (
        <>
          <div class="figures">
            <Figure label="State" value={m.State.toLowerCase()} tone={m.State === "ALARM" ? "bad" : m.State === "WATCH" ? "warn" : ""} test="drift-state" />
            <Figure label="Evidence" value={m.EvidenceLog10.toFixed(1)} unit={`of ${m.ThresholdLog10.toFixed(1)}`} hint="log10 of days; the second is the alarm line" test="evidence" />
            <Figure label="Devices affected" value={count(m.AffectedDevices)} hint={`of ${count(m.Devices)} that reported`} test="affected" />
            <Figure label="Samples in 24 h" value={count(m.SamplesOfWindow)} test="samples" />
            <Figure label="Accuracy, estimated" value={m.EstimatedAccuracy ? percent(m.EstimatedAccuracy.Value, 1) : "–"} hint="without labels" />
          </div>
          <p class="small muted">{evidenceTitle(m.EvidenceLog10)}.</p>
          <History which={which} done={described.again} />
          <div class="cards wide">
            <Card title={`Features, the worst first (${count(Features.length)})`} flush more={<CsvButton name="drift-features" rows={() => [["feature", "kind", "evidence log10", "effect sd", "samples", "devices"], ...Features.map((f) => [f.Name, f.Kind, f.EvidenceLog10, f.EffectSd, f.Samples, f.AffectedDevices])]} />}>
              <Table label="Features" rows={Features} id={(f) => f.Name} empty={<Empty title="No feature has been counted" />} columns={[
                { name: "Feature", cell: (f) => <a href={to("drift", DeviceFleetName, ModelName, { version: which.ModelVersion, feature: f.Name })} aria-current={f.Name === name ? "true" : undefined}>{f.Name}</a> }, { name: "Evidence", cell: (f) => <Evidence log10={f.EvidenceLog10} line={m.ThresholdLog10} /> },
                { name: "Shift", num: true, cell: (f) => (f.EffectSd !== undefined ? `${f.EffectSd > 0 ? "+" : ""}${f.EffectSd.toFixed(2)} sd` : "–") }, { name: "Devices", num: true, cell: (f) => count(f.AffectedDevices) }]} />
            </Card>
            {feature && <Feature feature={feature} which={which} line={m.ThresholdLog10} />}
            <Affected which={which} feature={name} />
            <Quality which={which} />
          </div>
        </>
      )}</Await>
    </Page>
  );
}
