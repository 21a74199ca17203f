// One fleet: its report, versions, tags, and what can be done with it.
// SPDX-License-Identifier: Apache-2.0
import { useState } from "preact/hooks";
import type { Kedge } from "../../generated/api_types";
import { call, may } from "../core/api";
import { aws } from "../core/cli";
import { count, percent, time } from "../core/format";
import { go, path, to } from "../core/router";
import { tell } from "../core/toast";
import { useAll, useCall } from "../core/use";
import { Bars, CsvButton, Lines, Progress } from "../ui/charts";
import { Choice, Confirm, Field, Form, Opens } from "../ui/forms";
import { Await, Card, Empty, Facts, Figure, Page, Table, Time } from "../ui/parts";
import { EnrolDevices, RegisterDevices } from "./register";

const reportMs = 5000;

function Models({ report }: { report: NonNullable<ReturnType<typeof useReport>["data"]> }) {
  const rows = report.ModelStats ?? [];
  return (
    <Card title="Models" flush more={<CsvButton name="model-status" rows={() => [["model", "version", "offline", "connected", "active", "sampling"], ...rows.map((m) => [m.ModelName, m.ModelVersion, m.OfflineDeviceCount, m.ConnectedDeviceCount, m.ActiveDeviceCount, m.SamplingDeviceCount])]} />}>
      <Table label="Models of the fleet" rows={rows} id={(m) => m.ModelName + m.ModelVersion} empty={<Empty title="No device has reported a model"><a class="button" href={to("deployments")}>Plan a deployment</a></Empty>} columns={[
        { name: "Model", cell: (m) => <a href={to("models", m.ModelName)}>{m.ModelName}</a> },
        { name: "Version", cell: (m) => <a href={to("devices", { fleet: report.DeviceFleetName, model: m.ModelName, version: m.ModelVersion })}>{m.ModelVersion}</a> },
        { name: "Offline", num: true, cell: (m) => count(m.OfflineDeviceCount) },
        { name: "Connected", num: true, cell: (m) => count(m.ConnectedDeviceCount) },
        { name: "Active", num: true, cell: (m) => count(m.ActiveDeviceCount) },
        { name: "Sampling", num: true, cell: (m) => count(m.SamplingDeviceCount) },
      ]} />
    </Card>
  );
}

const useReport = (fleet: string) => useCall("SageMaker.GetDeviceFleetReport", { DeviceFleetName: fleet }, reportMs);

export function MetricChart({ fleet }: { fleet: string }) {
  const list = useCall("Kedge.ListMetrics", { DeviceFleetName: fleet });
  const names = (list.data?.Metrics ?? []).map((m): [string, string] => [`${m.ModelName ?? ""}|${m.MetricName}`, (m.ModelName ? m.ModelName + ": " : "Agent: ") + m.MetricName]);
  const [chosen, setChosen] = useState("");
  const now = chosen || names[0]?.[0] || "";
  const [model = "", metric = ""] = now.split("|");
  const end = Math.floor(Date.now() / 60_000) * 60;
  const points = useCall("Kedge.GetMetrics", now ? { DeviceFleetName: fleet, ...(model ? { ModelName: model } : {}), MetricName: metric, StartTime: end - 3 * 3600, EndTime: end + 60, Resolution: "MINUTE" } : null, 30_000);
  const rows = points.data?.Points ?? [];
  return (
    <Card title="Metrics of the last three hours" more={names.length > 0 && <Choice bare label="Metric shown" value={now} set={setChosen} of={names} />}>
      {list.data && names.length === 0 ? <p class="muted">No metric has been reported yet.</p>
        : <Lines name={metric || "metric"} unit="" times={rows.map((p) => p.Time)} series={[
          { name: "mean", values: rows.map((p) => (p.Count ? p.Sum / p.Count : null)) },
          { name: "least", values: rows.map((p) => p.Minimum), dash: true }, { name: "greatest", values: rows.map((p) => p.Maximum), dash: true }]} />}
    </Card>
  );
}

export function Tags({ arn }: { arn: string }) {
  const tags = useAll("SageMaker.ListTags", { ResourceArn: arn }, (page) => page.Tags ?? []);
  const [key, setKey] = useState(""), [value, setValue] = useState("");
  const remove = async (tag: { Key: string; Value: string }) => {
    await call("SageMaker.DeleteTags", { ResourceArn: arn, TagKeys: [tag.Key] });
    tags.again();
    tell(`Tag ${tag.Key} removed.`, () => void call("SageMaker.AddTags", { ResourceArn: arn, Tags: [tag] }).then(tags.again));
  };
  return (
    <Card title="Tags" flush more={may("operator") && (
      <Opens word="Add a tag" small>{(close) => (
        <Form word="Add tag" cancel={close} submit={async () => { await call("SageMaker.AddTags", { ResourceArn: arn, Tags: [{ Key: key, Value: value }] }); setKey(""); setValue(""); close(); tags.again(); }}>
          <Field label="Key" value={key} set={setKey} required max={128} /><Field label="Value" value={value} set={setValue} max={256} />
        </Form>
      )}</Opens>)}>
      <Await of={tags} lines={2}>{(rows) => (
        <Table label="Tags" rows={rows} id={(t) => t.Key} empty={<div class="in muted">No tags.</div>} columns={[{ name: "Key", cell: (t) => t.Key }, { name: "Value", cell: (t) => t.Value },
          ...(may("operator") ? [{ name: "", num: true, cell: (t: { Key: string; Value: string }) => <button type="button" class="button small" aria-label={`Remove tag ${t.Key}`} onClick={() => void remove(t)}>Remove</button> }] : [])]} />
      )}</Await>
    </Card>
  );
}

function Plans({ fleet }: { fleet: string }) {
  const plans = useAll("SageMaker.ListEdgeDeploymentPlans", { DeviceFleetNameContains: fleet }, (page) => page.EdgeDeploymentPlanSummaries.filter((p) => p.DeviceFleetName === fleet), 3);
  return (
    <Card title="Deployments" flush>
      <Await of={plans} lines={3}>{(rows) => (
        <Table label="Deployments" rows={rows} id={(p) => p.EdgeDeploymentPlanName} empty={<Empty title="No deployment yet">{may("operator") && <a class="button" href={to("deployments", { fleet, new: "1" })}>Plan a deployment</a>}</Empty>} columns={[
          { name: "Plan", cell: (p) => <a href={to("deployments", p.EdgeDeploymentPlanName)}>{p.EdgeDeploymentPlanName}</a> },
          { name: "Progress", cell: (p) => <Progress ok={p.EdgeDeploymentSuccess} ko={p.EdgeDeploymentFailed} all={p.EdgeDeploymentSuccess + p.EdgeDeploymentFailed + p.EdgeDeploymentPending} /> },
          { name: "Changed", cell: (p) => <Time at={p.LastModifiedTime} /> },
        ]} />
      )}</Await>
    </Card>
  );
}

export default function Fleet() {
  const fleet = path.value[1] ?? "";
  const report = useReport(fleet);
  const described = useCall("SageMaker.DescribeDeviceFleet", { DeviceFleetName: fleet });
  const events = useCall("Kedge.ListEvents", { DeviceFleetName: fleet, SortOrder: "Descending", MaxResults: 8 });
  const remove = async () => { await call("SageMaker.DeleteDeviceFleet", { DeviceFleetName: fleet }); tell(`Fleet ${fleet} is deleted.`); go(to("fleets")); };
  return (
    <Page title={fleet} crumbs={[["Fleets", to("fleets")]]} sub={described.data?.Description}
      actions={may("operator") && <><EnrolDevices fleet={fleet} /><RegisterDevices fleet={fleet} done={report.again} /></>}>
      <Await of={report}>{(r) => {
        const stats = r.DeviceStats ?? { ConnectedDeviceCount: 0, RegisteredDeviceCount: 0 };
        return (
          <>
            <div class="figures">
              <Figure label="Devices registered to fleet" value={count(stats.RegisteredDeviceCount)} href={to("devices", { fleet })} test="registered" />
              <Figure label="Devices heartbeating" value={count(stats.ConnectedDeviceCount)} href={to("devices", { fleet, connection: "CONNECTED" })} hint={percent(stats.ConnectedDeviceCount, stats.RegisteredDeviceCount)} test="connected" />
              <Figure label="Model versions" value={count(r.ModelStats?.length ?? 0)} />
              <Figure label="Agent versions" value={count(r.AgentVersions?.length ?? 0)} />
            </div>
            {stats.RegisteredDeviceCount === 0 && <Card title="Next step"><Empty title="No device yet" cli={aws("sagemaker", "register-devices", "--device-fleet-name", fleet, "--devices", "DeviceName=camera-1")}><p>Register devices here, then run the enrolment command on each.</p></Empty></Card>}
            <div class="cards wide">
              <Models report={r} />
              <Card title="Agent versions">{(r.AgentVersions ?? []).length === 0 ? <p class="muted">No agent has reported yet.</p>
                : <Bars unit="devices" total={stats.RegisteredDeviceCount} of={(r.AgentVersions ?? []).map((a) => ({ name: a.Version, value: a.AgentCount, href: to("devices", { fleet, agent: a.Version }) }))} />}</Card>
              <Plans fleet={fleet} />
              <MetricChart fleet={fleet} />
              <Card title="Latest events" flush><Await of={events} lines={3}>{(page: Kedge.ListEventsAnswer) => <Table label="Events" rows={page.Events} id={(e) => e.EventId} empty={<div class="in muted">Nothing yet.</div>} columns={[{ name: "Event", cell: (e) => `${e.Kind}${e.Message ? ": " + e.Message : ""}` }, { name: "Who", cell: (e) => e.Actor ?? "server" }, { name: "When", num: true, cell: (e) => <Time at={e.Time} /> }]} />}</Await></Card>
              <Tags arn={r.DeviceFleetArn} />
              <Card title="Identity" more={may("operator") && <Confirm word="Delete fleet" small title={`Delete fleet ${fleet}?`} run={remove} effect={<>The fleet, its tags and its claim tokens are deleted. It must have neither devices nor deployment plans; captures in the object store stay.</>} />}>
                <Facts of={[["ARN", <code>{r.DeviceFleetArn}</code>], ["Captures go to", <code>{r.OutputConfig?.S3OutputLocation}</code>], ["Role", <code>{described.data?.RoleArn}</code>], ["Created", described.data && time(described.data.CreationTime)], ["Report made", r.ReportGenerated && time(r.ReportGenerated)]]} />
              </Card>
            </div>
          </>
        );
      }}</Await>
    </Page>
  );
}
