// SPDX-License-Identifier: Apache-2.0
import { may } from "../core/api";
import { aws } from "../core/cli";
import { count } from "../core/format";
import { param, setParams, to } from "../core/router";
import { useAll } from "../core/use";
import { Progress } from "../ui/charts";
import { Field } from "../ui/forms";
import { Await, Card, Empty, FleetLink, Page, Table, Time } from "../ui/parts";
import { PlanEditor } from "./plan_editor";

export default function Deployments() {
  const q = param("q").replace(/[^a-zA-Z0-9-]/g, "");
  const isNew = param("new") !== "" && may("operator");
  const plans = useAll("SageMaker.ListEdgeDeploymentPlans", { SortOrder: "Descending", ...(q ? { NameContains: q } : {}) }, (page) => page.EdgeDeploymentPlanSummaries, 5);
  const cli = aws("sagemaker", "create-edge-deployment-plan", "--edge-deployment-plan-name", "plan", "--device-fleet-name", "workshop", "--model-configs", "ModelHandle=detector,EdgePackagingJobName=detector-package");
  return (
    <Page title="Deployments" actions={may("operator") && !isNew && <a class="button first" href={to("deployments", { new: "1" })}>Plan a deployment</a>}>
      {isNew && <PlanEditor close={() => setParams({ new: "", package: "", fleet: "" })} />}
      <div class="filters"><Field label="Name contains" type="search" value={param("q")} set={(text) => setParams({ q: text })} grow /></div>
      <Card title="Plans" flush>
        <Await of={plans}>{(rows) => <Table label="Plans" rows={rows} id={(p) => p.EdgeDeploymentPlanName} empty={<Empty title="No plan yet" cli={cli}><p>A plan brings packages to a fleet in stages: a few devices first, then more.</p></Empty>} columns={[
          { name: "Plan", cell: (p) => <a href={to("deployments", p.EdgeDeploymentPlanName)}>{p.EdgeDeploymentPlanName}</a> },
          { name: "Fleet", cell: (p) => <FleetLink name={p.DeviceFleetName} /> },
          { name: "Progress", cell: (p) => <Progress ok={p.EdgeDeploymentSuccess} ko={p.EdgeDeploymentFailed} all={p.EdgeDeploymentSuccess + p.EdgeDeploymentFailed + p.EdgeDeploymentPending} /> },
          { name: "Done", num: true, cell: (p) => count(p.EdgeDeploymentSuccess) }, { name: "Pending", num: true, cell: (p) => count(p.EdgeDeploymentPending) }, { name: "Failed", num: true, cell: (p) => count(p.EdgeDeploymentFailed) },
          { name: "Changed", cell: (p) => <Time at={p.LastModifiedTime} /> },
        ]} />}</Await>
      </Card>
    </Page>
  );
}
