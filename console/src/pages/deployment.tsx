// One plan: its stages, live; starting, stopping, and why a stage stopped.
// SPDX-License-Identifier: Apache-2.0
import type { SageMaker } from "../../generated/api_types";
import { call, may } from "../core/api";
import { count, percent } from "../core/format";
import { go, param, path, to } from "../core/router";
import { tell } from "../core/toast";
import { useAll, useCall } from "../core/use";
import { CsvButton, Progress } from "../ui/charts";
import { Choice, Confirm } from "../ui/forms";
import { Await, Card, DeviceLink, Facts, FleetLink, Mark, Page, Table, Time } from "../ui/parts";

const freshMs = 1500;
type Stage = SageMaker.DeploymentStageStatusSummary;

const chooses = (s: SageMaker.DeviceSelectionConfig): string =>
  s.DeviceSubsetType === "PERCENTAGE" ? `${s.Percentage} % of the fleet` : s.DeviceSubsetType === "NAMECONTAINS" ? `names with “${s.DeviceNameContains}”` : `${count(s.DeviceNames?.length)} named devices`;

function StageCard({ plan, stage, number, done }: { plan: string; stage: Stage; number: number; done: () => void }) {
  const s = stage.DeploymentStatus;
  const total = s.EdgeDeploymentSuccessInStage + s.EdgeDeploymentPendingInStage + s.EdgeDeploymentFailedInStage;
  const name = { EdgeDeploymentPlanName: plan, StageName: stage.StageName };
  const moves = /STARTING|INPROGRESS/.test(s.StageStatus);
  const rollsBack = stage.DeploymentConfig?.FailureHandlingPolicy === "ROLLBACK_ON_FAILURE";
  const start = () => call("SageMaker.StartEdgeDeploymentStage", name).then(() => { tell(`Stage ${stage.StageName} starts.`); done(); });
  const stop = () => call("SageMaker.StopEdgeDeploymentStage", name).then(() => { tell(`Stage ${stage.StageName} stops.`); done(); });
  const remove = () => call("SageMaker.DeleteEdgeDeploymentStage", name).then(done);
  return (
    <div class="stage" data-test={`stage-${stage.StageName}`}>
      <div class="row">
        <h3>{number}. <a href={to("deployments", plan, { stage: stage.StageName })}>{stage.StageName}</a></h3>
        <Mark state={s.StageStatus} />
        <span class="grow" />
        {may("operator") && <>
          {moves ? <Confirm word="Stop" small title={`Stop stage ${stage.StageName}?`} run={stop} effect={<>{count(s.EdgeDeploymentPendingInStage)} devices that have not switched yet keep the version they run. {count(s.EdgeDeploymentSuccessInStage)} that have switched stay on the new one.</>} />
            : <Confirm word="Start" first danger={false} small title={`Start stage ${stage.StageName}?`} run={start} effect={<>Devices chosen: {chooses(stage.DeviceSelectionConfig)}. Each downloads the package, verifies and probes it, and switches by itself. {rollsBack ? "A device on which that fails goes back to its version before." : "A device on which that fails is left as it is."}</>} />}
          {!moves && <Confirm word="Delete" small title={`Delete stage ${stage.StageName}?`} run={remove} effect="The stage leaves the plan. Devices keep what they run." />}
        </>}
      </div>
      <Progress ok={s.EdgeDeploymentSuccessInStage} ko={s.EdgeDeploymentFailedInStage} all={total} />
      <Facts of={[["Chooses", chooses(stage.DeviceSelectionConfig)], ["Devices", <>{count(s.EdgeDeploymentSuccessInStage)} deployed ({percent(s.EdgeDeploymentSuccessInStage, total)}), {count(s.EdgeDeploymentPendingInStage)} pending, {count(s.EdgeDeploymentFailedInStage)} failed</>],
        ["If one fails", rollsBack ? "roll back" : "leave it"], ["Started", s.EdgeDeploymentStageStartTime ? <Time at={s.EdgeDeploymentStageStartTime} /> : ""], ["Reason", s.EdgeDeploymentStatusMessage && <b>{s.EdgeDeploymentStatusMessage}</b>]]} />
    </div>
  );
}

function StageDevices({ plan, stages }: { plan: string; stages: Stage[] }) {
  const stage = param("stage") || stages.find((s) => s.DeploymentStatus.EdgeDeploymentFailedInStage > 0)?.StageName || stages.find((s) => s.DeploymentStatus.StageStatus !== "CREATING" && s.DeploymentStatus.StageStatus !== "READYTODEPLOY")?.StageName || stages[0]?.StageName || "";
  const devices = useAll("SageMaker.ListStageDevices", { EdgeDeploymentPlanName: plan, StageName: stage }, (page) => page.DeviceDeploymentSummaries, 10);
  const ranks: Record<string, number> = { FAILED: 0, INPROGRESS: 1 };
  const order = (d: SageMaker.DeviceDeploymentSummary) => ranks[d.DeviceDeploymentStatus ?? ""] ?? 2;
  const rows = [...(devices.data ?? [])].sort((a, b) => order(a) - order(b));
  return (
    <Card title={`Devices of stage ${stage}`} flush more={<>
      <Choice bare label="Stage shown" value={stage} set={(name) => go(to("deployments", plan, { stage: name }), true)} of={stages.map((s): [string, string] => [s.StageName, s.StageName])} />
      <CsvButton name={`${plan}-${stage}`} rows={() => [["device", "status", "message"], ...rows.map((d) => [d.DeviceName, d.DeviceDeploymentStatus, d.DeviceDeploymentStatusMessage])]} />
    </>}>
      <Await of={devices}>{() => <Table label="Devices of the stage" rows={rows} id={(d) => d.DeviceName} empty={<div class="in muted">No device yet: the stage has not started, or chooses none.</div>} columns={[
        { name: "Device", cell: (d) => <DeviceLink fleet={d.DeviceFleetName ?? ""} name={d.DeviceName} /> }, { name: "State", cell: (d) => <Mark state={d.DeviceDeploymentStatus} /> },
        { name: "Message", cell: (d) => d.DeviceDeploymentStatusMessage ?? "" }, { name: "Started", cell: (d) => <Time at={d.DeploymentStartTime} /> }]} />}</Await>
    </Card>
  );
}

export default function Deployment() {
  const plan = path.value[1] ?? "";
  const described = useCall("SageMaker.DescribeEdgeDeploymentPlan", { EdgeDeploymentPlanName: plan }, freshMs);
  const events = useCall("Kedge.ListEvents", { ResourceContains: plan, SortOrder: "Descending", MaxResults: 15 });
  const remove = async () => { await call("SageMaker.DeleteEdgeDeploymentPlan", { EdgeDeploymentPlanName: plan }); tell(`Plan ${plan} is deleted.`); go(to("deployments")); };
  return (
    <Page title={plan} crumbs={[["Deployments", to("deployments")]]} actions={may("operator") && <Confirm word="Delete plan" title={`Delete plan ${plan}?`} run={remove} effect="The plan and its stages are deleted; none may be in progress. Devices keep what they run." />}>
      <Await of={described}>{(d) => (
        <>
          <div class="cards wide">
            <Card title="Plan"><Facts of={[["Fleet", <FleetLink name={d.DeviceFleetName} />], ["Models", d.ModelConfigs.map((m) => <div key={m.ModelHandle}>{m.ModelHandle}: <a href={to("packages", m.EdgePackagingJobName)}>{m.EdgePackagingJobName}</a></div>)],
              ["Devices", `${count(d.EdgeDeploymentSuccess)} deployed, ${count(d.EdgeDeploymentPending)} pending, ${count(d.EdgeDeploymentFailed)} failed`], ["ARN", <code>{d.EdgeDeploymentPlanArn}</code>]]} /></Card>
            <Card title="What happened" flush><Await of={events} lines={3}>{(page) => <Table label="Events" rows={page.Events} id={(e) => e.EventId} empty={<div class="in muted">Nothing yet.</div>} columns={[{ name: "Event", cell: (e) => `${e.Kind}${e.Message ? ": " + e.Message : ""}` }, { name: "Severity", cell: (e) => <Mark state={e.Severity} /> }, { name: "When", num: true, cell: (e) => <Time at={e.Time} /> }]} />}</Await></Card>
          </div>
          <Card title="Stages"><div class="stack">{d.Stages.map((s, i) => <StageCard key={s.StageName} plan={plan} stage={s} number={i + 1} done={described.again} />)}</div></Card>
          {d.Stages.length > 0 && <StageDevices plan={plan} stages={d.Stages} />}
        </>
      )}</Await>
    </Page>
  );
}
