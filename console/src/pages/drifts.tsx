// Drift of every model of every fleet, and the alarms that are open.
// SPDX-License-Identifier: Apache-2.0
import type { Kedge } from "../../generated/api_types";
import { call, may } from "../core/api";
import { aws } from "../core/cli";
import { count, percent } from "../core/format";
import { overview } from "../core/live";
import { param, setParams, to } from "../core/router";
import { tell } from "../core/toast";
import { useAll } from "../core/use";
import { Choice, Field, Form, Opens } from "../ui/forms";
import { Await, Card, Empty, FleetLink, Mark, Page, Table, Tabs, Time } from "../ui/parts";
import { useState } from "preact/hooks";

const days = (log10: number): string => {
  if (log10 < 0) return "less than a day";
  const n = 10 ** log10;
  return n < 1e6 ? `${count(Math.round(n))} days` : `10^${log10.toFixed(1)} days`;
};
export const evidenceTitle = (log10: number): string => `Without drift a fleet shows so much evidence at most once in ${days(log10)}`;

/** Evidence against the alarm line. */
export function Evidence({ log10, line }: { log10: number; line: number }) {
  const most = Math.max(line * 1.25, log10, 0.1);
  const at = (n: number) => `${Math.max(0, Math.min(100, (100 * n) / most))}%`;
  return (
    <span class="evidence" title={evidenceTitle(log10)}>
      <span class="track"><i class={log10 >= line ? "over" : ""} style={{ width: at(log10) }} /><b style={{ left: at(line) }} /></span>
      <span class="n">{log10.toFixed(1)} of {line.toFixed(1)}</span>
    </span>
  );
}

export function Acknowledge({ alarm, done }: { alarm: Kedge.DriftAlarm; done: () => void }) {
  const [comment, setComment] = useState("");
  const act = async (operation: "Kedge.AcknowledgeDriftAlarm" | "Kedge.CloseDriftAlarm", word: string) => {
    await call(operation, { AlarmId: alarm.AlarmId, ...(comment ? { Comment: comment } : {}) });
    tell(`The alarm of ${alarm.ModelName} is ${word}.`);
    done();
  };
  if (!may("operator") || alarm.State === "CLOSED") return null;
  return (
    <span class="row">
      {alarm.State !== "ACKNOWLEDGED" && <Opens word="Acknowledge" small first title={`Acknowledge the alarm of ${alarm.ModelName}?`}>{(close) => (
        <Form word="Acknowledge" cancel={close} submit={() => act("Kedge.AcknowledgeDriftAlarm", "acknowledged").then(close)}>
          <p>You say that somebody looks after it. Evidence begins anew; if the drift stays, another alarm opens after the time that it takes to find it again.</p>
          <Field label="Comment" value={comment} set={setComment} max={1024} hint="Kept in the history." />
        </Form>)}</Opens>}
      <Opens word="Close" small title={`Close the alarm of ${alarm.ModelName}?`}>{(close) => (
        <Form word="Close alarm" cancel={close} danger submit={() => act("Kedge.CloseDriftAlarm", "closed").then(close)}>
          <p>The alarm ends and evidence begins anew.</p><Field label="Comment" value={comment} set={setComment} max={1024} />
        </Form>)}</Opens>
    </span>
  );
}

export const driftUrl = (m: { DeviceFleetName: string; ModelName: string; ModelVersion: string }, feature?: string): string => to("drift", m.DeviceFleetName, m.ModelName, { version: m.ModelVersion, feature });

function Models() {
  const models = useAll("Kedge.ListDriftModels", { ...(param("fleet") ? { DeviceFleetName: param("fleet") } : {}), ...(param("state") ? { State: param("state") as Kedge.DriftModel["State"] } : {}) }, (page) => page.Models, 5);
  const sorted = (rows: Kedge.DriftModel[]) => [...rows].sort((a, b) => b.EvidenceLog10 - a.EvidenceLog10);
  return (
    <Card title="Models that report counts" flush>
      <Await of={models}>{(rows) => <Table label="Models" rows={sorted(rows)} id={(m) => m.DeviceFleetName + m.ModelName + m.ModelVersion + m.BaselineId}
        empty={<Empty title="No model reports counts yet" cli={aws("s3", "cp", "baseline.json", "s3://models/baseline.json")}><p>Make a baseline with <code>kedge baseline</code> from validation data and put it into the package: devices then count, and the server judges.</p></Empty>} columns={[
          { name: "Model", cell: (m) => <a href={driftUrl(m)}>{m.ModelName} {m.ModelVersion}</a> }, { name: "Fleet", cell: (m) => <FleetLink name={m.DeviceFleetName} /> }, { name: "State", cell: (m) => <Mark state={m.State} /> },
          { name: "Evidence, log10 of days", cell: (m) => <Evidence log10={m.EvidenceLog10} line={m.ThresholdLog10} /> },
          { name: "Worst feature", cell: (m) => (m.WorstFeature ? <a href={driftUrl(m, m.WorstFeature)}>{m.WorstFeature}</a> : "–") },
          { name: "Devices affected", num: true, cell: (m) => `${count(m.AffectedDevices)} of ${count(m.Devices)}` }, { name: "Samples in 24 h", num: true, cell: (m) => count(m.SamplesOfWindow) },
          { name: "Accuracy, estimated", num: true, cell: (m) => (m.EstimatedAccuracy ? percent(m.EstimatedAccuracy.Value, 1) : "–") }]} />}</Await>
    </Card>
  );
}

function Alarms() {
  const open = param("closed") === "";
  const alarms = useAll("Kedge.ListDriftAlarms", { OpenOnly: open, ...(param("fleet") ? { DeviceFleetName: param("fleet") } : {}) }, (page) => page.Alarms, 3);
  return (
    <Card title="Alarms" flush more={<Choice bare label="Alarms shown" value={open ? "" : "1"} set={(closed) => setParams({ closed })} of={[["", "Open ones"], ["1", "Closed ones too"]]} />}>
      <Await of={alarms} lines={3}>{(rows) => <Table label="Alarms" rows={rows} id={(a) => a.AlarmId} empty={<div class="in muted">No alarm{open ? " is open" : ""}.</div>} columns={[
        { name: "Model", cell: (a) => <a href={driftUrl(a)}>{a.ModelName} {a.ModelVersion}</a> }, { name: "Fleet", cell: (a) => <FleetLink name={a.DeviceFleetName} /> }, { name: "State", cell: (a) => <Mark state={a.State} /> },
        { name: "Opened", cell: (a) => <Time at={a.OpenTime} /> }, { name: "Features", cell: (a) => a.FeatureNames.slice(0, 3).map((f, i) => <span key={f}>{i ? ", " : ""}<a href={driftUrl(a, f)}>{f}</a></span>) },
        { name: "Devices", num: true, cell: (a) => count(a.AffectedDevices) }, { name: "Explained by", cell: (a) => a.Tags.slice(0, 2).map((t) => `${t.Key} = ${t.Value}`).join("; ") || "–" },
        { name: "Who, why", cell: (a) => [a.Actor, a.Comment].filter(Boolean).join(": ") }, { name: "", num: true, cell: (a) => <Acknowledge alarm={a} done={alarms.again} /> }]} />}</Await>
    </Card>
  );
}

function Targets() {
  const targets = useAll("Kedge.ListAlertTargets", {}, (page) => page.Targets, 2);
  const [name, setName] = useState(""), [address, setAddress] = useState("");
  const test = (TargetName: string) => call("Kedge.TestAlertTarget", { TargetName }).then((a) => tell(a.Delivered ? "The test alert was taken." : `The test alert was not taken: ${a.Message ?? ""}`), (e: Error) => tell(e.message));
  return (
    <Card title="Who is told" flush more={may("admin") && <Opens word="Add a target" small>{(close) => (
      <Form word="Add target" cancel={close} submit={async () => { await call("Kedge.PutAlertTarget", { TargetName: name, Address: address }); close(); targets.again(); }}>
        <Field label="Name" value={name} set={setName} required max={63} /><Field label="Address" value={address} set={setAddress} required placeholder="https://hooks.example.com/kedge or mailto:ops@example.com" />
      </Form>)}</Opens>}>
      <Await of={targets} lines={2}>{(rows) => <Table label="Alert targets" rows={rows} id={(t) => t.TargetName} empty={<div class="in muted">Nobody: alarms stand here only. An administrator adds a webhook or an address.</div>} columns={[
        { name: "Target", cell: (t) => t.TargetName }, { name: "Address", cell: (t) => t.Address }, { name: "Delivered", num: true, cell: (t) => count(t.Delivered) }, { name: "Waiting", num: true, cell: (t) => count(t.Waiting) }, { name: "Last error", cell: (t) => t.LastError ?? "" },
        ...(may("admin") ? [{ name: "", num: true, cell: (t: Kedge.AlertTarget) => <span class="row"><button type="button" class="button small" onClick={() => void test(t.TargetName)}>Test</button><button type="button" class="button small" onClick={() => void call("Kedge.DeleteAlertTarget", { TargetName: t.TargetName }).then(targets.again)}>Remove</button></span> }] : [])]} />}</Await>
    </Card>
  );
}

export default function Drift() {
  const tab = param("tab") || "models";
  return (
    <Page title="Drift" sub="Evidence that what models see is not what they were validated on. The alarm line is one false alarm of a model in 30 days.">
      <Tabs now={tab} of={[["models", "Models and alarms"], ["targets", "Who is told"]]} url={(t) => to("drift", { tab: t === "models" ? "" : t })} />
      {tab === "targets" ? <Targets /> : <>
        <div class="filters">
          <Choice label="Fleet" value={param("fleet")} set={(fleet) => setParams({ fleet })} of={[["", "All fleets"], ...(overview.value?.Fleets ?? []).map((f): [string, string] => [f.DeviceFleetName, f.DeviceFleetName])]} />
          <Choice label="State" value={param("state")} set={(state) => setParams({ state })} of={[["", "Any"], ["ALARM", "Alarm"], ["WATCH", "Watch"], ["QUIET", "Quiet"], ["LEARNING", "Learning"], ["ACKNOWLEDGED", "Acknowledged"], ["SILENCED", "Silenced"]]} />
        </div>
        <Alarms /><Models />
      </>}
    </Page>
  );
}
