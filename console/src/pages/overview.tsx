// The whole fleet at a glance.
// SPDX-License-Identifier: Apache-2.0
import { useState } from "preact/hooks";
import type { Kedge } from "../../generated/api_types";
import { call, may } from "../core/api";
import { aws } from "../core/cli";
import { count, percent } from "../core/format";
import { overview } from "../core/live";
import { go, to } from "../core/router";
import { useAll, useCall } from "../core/use";
import { Bars, CsvButton, DeviceGrid, Lines, Progress } from "../ui/charts";
import { Choice } from "../ui/forms";
import { Await, Card, Empty, Figure, Mark, Page, Skeleton, Time } from "../ui/parts";
import { CreateFleet } from "./fleets";

const gridMs = 15_000;

function Health({ fleets }: { fleets: Kedge.OverviewFleet[] }) {
  const [chosen, setChosen] = useState("");
  const fleet = chosen || fleets[0]?.DeviceFleetName || "";
  const health = useCall("Kedge.GetFleetHealth", { DeviceFleetName: fleet }, gridMs);
  const nameOf = async (index: number) =>
    (await call("Kedge.ListDeviceStates", { DeviceFleetName: fleet, Skip: index, MaxResults: 1 })).Devices[0]?.DeviceName ?? "";
  const pick = (index: number) => void nameOf(index).then((name) => name && go(to("devices", fleet, name)));
  return (
    <Card title="Health of devices" span more={
      <Choice bare label="Fleet shown" value={fleet} set={setChosen} of={fleets.map((f) => [f.DeviceFleetName, `${f.DeviceFleetName} (${count(f.RegisteredDevices)})`])} />}>
      <Await of={health}>{(data) => {
        const each = (state: string) => [...data.States].reduce((n, s) => n + (s === state ? 1 : 0), 0);
        const parts: [string, string, string][] = [["c", "connected", "CONNECTED"], ["l", "late (within a day)", "LATE"], ["o", "offline", "OFFLINE"], ["n", "never heard of", "NEVER"]];
        return (
          <div class="stack">
            {data.States ? <DeviceGrid states={data.States} label={`One cell for each of ${count(data.States.length)} devices of ${fleet}; the list below gives the sums`} pick={pick} nameOf={nameOf} /> : <p class="muted">This fleet has no devices yet.</p>}
            <ul class="legend">
              {parts.map(([state, word, filter]) => (
                <li key={state}><i class={state} /><a href={to("devices", { fleet, connection: filter })} data-test={"health-" + state}>{count(each(state))} {word}</a></li>
              ))}
              {data.More && <li>the first {count(data.States.length)} by name</li>}
            </ul>
          </div>
        );
      }}</Await>
    </Card>
  );
}

/** All minutes of the hour; those that the answer leaves out have no device. */
function minutesOf(now: Kedge.GetOverviewAnswer): { times: number[]; devices: number[] } {
  const by = new Map(now.HeardMinutes.map((m) => [m.Time, m.Devices]));
  const last = Math.floor(now.Time / 60) * 60;
  const times = Array.from({ length: 60 }, (_, i) => last - (59 - i) * 60);
  return { times, devices: times.map((t) => by.get(t) ?? 0) };
}

function Heard({ now }: { now: Kedge.GetOverviewAnswer }) {
  const { times, devices } = minutesOf(now);
  return (
    <Card title="Devices by minute of their latest heartbeat">
      <Lines name="latest-heartbeats" unit="devices" times={times} series={[{ name: "devices", values: devices }]} height={170} />
    </Card>
  );
}

function Versions({ now }: { now: Kedge.GetOverviewAnswer }) {
  return (
    <Card title="Model versions on devices" more={<CsvButton name="model-versions" rows={() => [["model", "version", "devices", "connected", "active", "sampling"], ...now.Models.map((m) => [m.ModelName, m.ModelVersion, m.Devices, m.ConnectedDevices, m.ActiveDevices, m.SamplingDevices])]} />}>
      {now.Models.length === 0 ? <Empty title="No device has reported a model yet"><p>Deploy one, and the agent's next heartbeat names it.</p><a class="button" href={to("deployments")}>Plan a deployment</a></Empty>
        : <Bars unit="devices" of={now.Models.map((m) => ({ name: `${m.ModelName} ${m.ModelVersion}`, value: m.Devices, second: m.Devices - m.ConnectedDevices, note: `${count(m.ConnectedDevices)} connected`, href: to("devices", { model: m.ModelName, version: m.ModelVersion }) }))} />}
    </Card>
  );
}

function Rollouts({ now }: { now: Kedge.GetOverviewAnswer }) {
  return (
    <Card title="Rollouts under way or with failures" flush={now.Stages.length > 0}>
      {now.Stages.length === 0 ? <p class="muted">None. Stages with pending or failed devices appear here.</p> : (
        <div class="scroll" tabIndex={0} role="region" aria-label="Rollouts"><table>
          <thead><tr><th scope="col">Plan, stage</th><th scope="col">State</th><th scope="col">Progress</th><th scope="col" class="num">Failed</th></tr></thead>
          <tbody>{now.Stages.map((s) => (
            <tr key={s.EdgeDeploymentPlanName + s.StageName}>
              <td><a href={to("deployments", s.EdgeDeploymentPlanName)}>{s.EdgeDeploymentPlanName}</a>, {s.StageName}</td>
              <td><Mark state={s.StageStatus} /></td>
              <td><Progress ok={s.Success} ko={s.Failed} all={s.Success + s.Failed + s.Pending} /></td>
              <td class="num">{count(s.Failed)}</td>
            </tr>
          ))}</tbody>
        </table></div>
      )}
    </Card>
  );
}

function Latest() {
  const events = useCall("Kedge.ListEvents", { SortOrder: "Descending", MaxResults: 8 });
  return (
    <Card title="Latest events" flush more={<a href={to("activity")}>All events</a>}>
      <Await of={events}>{(page) => (
        page.Events.length === 0 ? <div class="in muted">Nothing has happened yet.</div> :
          <table><thead class="sr"><tr><th scope="col">Severity</th><th scope="col">Event</th><th scope="col">When</th></tr></thead>
            <tbody>{page.Events.map((e) => (
              <tr key={e.EventId}><td><Mark state={e.Severity} /></td><td><span class="wrap">{e.Kind}{e.Message ? `: ${e.Message}` : ""}</span></td><td class="num"><Time at={e.Time} /></td></tr>
            ))}</tbody></table>
      )}</Await>
    </Card>
  );
}

function Agents({ now }: { now: Kedge.GetOverviewAnswer }) {
  return (
    <Card title="Agent versions">
      {now.AgentVersions.length === 0 ? <p class="muted">No agent has reported yet.</p>
        : <Bars unit="devices" total={now.RegisteredDevices} of={now.AgentVersions.map((a) => ({ name: a.Version, value: a.Devices, href: to("devices", { agent: a.Version }) }))} />}
    </Card>
  );
}

export default function Overview() {
  const asked = useCall("Kedge.GetOverview", {});
  const alarms = useAll("Kedge.ListDriftAlarms", { OpenOnly: true }, (page) => page.Alarms, 1);
  const now = overview.value ?? asked.data;
  if (!now) return <Page title="Overview">{asked.error ? <Await of={asked}>{() => null}</Await> : <Skeleton lines={8} />}</Page>;
  if (now.FleetCount === 0) {
    return (
      <Page title="Overview">
        <Card title="First steps"><Empty title="No fleet yet" cli={aws("sagemaker", "create-device-fleet", "--device-fleet-name", "workshop", "--output-config", "S3OutputLocation=s3://models/captures/")}>
          <p>A fleet holds the devices that get the same models. Then register devices, upload a model, compile and package it, and plan its deployment.</p>
          {may("operator") && <CreateFleet />}
        </Empty></Card>
      </Page>
    );
  }
  const jobs = (pattern: RegExp) => now.Jobs.filter((j) => pattern.test(j.JobStatus)).reduce((sum, j) => sum + j.Jobs, 0);
  const offline = now.RegisteredDevices - now.ConnectedDevices - now.NeverHeardDevices;
  const lastMinute = minutesOf(now).devices.slice(-2).reduce((a, b) => a + b, 0);
  return (
    <Page title="Overview">
      <div class="figures">
        <Figure label="Devices registered" value={count(now.RegisteredDevices)} href={to("devices")} hint={`in ${count(now.FleetCount)} ${now.FleetCount === 1 ? "fleet" : "fleets"}`} test="registered" />
        <Figure label="Connected" value={count(now.ConnectedDevices)} href={to("devices", { connection: "CONNECTED" })} hint={`${percent(now.ConnectedDevices, now.RegisteredDevices)}, heard of within ${now.ConnectedMinutes} min`} test="connected" />
        <Figure label="Not connected" value={count(offline)} tone={offline > 0 ? "warn" : ""} href={to("devices", { sort: "LATEST_HEARTBEAT" })} hint={`${count(now.NeverHeardDevices)} never heard of`} test="offline" />
        <Figure label="Heard of lately" value={count(lastMinute)} unit="in 2 min" hint="by latest heartbeat" />
        <Figure label="Jobs running" value={count(jobs(/INPROGRESS|STARTING/))} href={to("jobs")} hint={`${count(jobs(/FAILED/))} failed`} test="jobs" />
        <Figure label="Drift alarms open" value={count(alarms.data?.length)} tone={alarms.data?.some((a) => a.State === "ALARM") ? "bad" : ""} href={to("drift")} hint={alarms.data?.[0] ? `${alarms.data[0].ModelName} ${alarms.data[0].ModelVersion}, ${alarms.data[0].FeatureNames[0] ?? ""}` : "none"} test="alarms" />
      </div>
      <Health fleets={now.Fleets} />
      <div class="cards wide"><Versions now={now} /><Heard now={now} /><Rollouts now={now} /><Latest /><Agents now={now} /></div>
    </Page>
  );
}
