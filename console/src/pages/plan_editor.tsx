// A new deployment plan: which packages, which fleet, in which stages.
// SPDX-License-Identifier: Apache-2.0
import { useState } from "preact/hooks";
import type { SageMaker } from "../../generated/api_types";
import { ApiError, call } from "../core/api";
import { overview } from "../core/live";
import { go, param, to } from "../core/router";
import { useAll } from "../core/use";
import { Area, Choice, Field, Form } from "../ui/forms";
import { Card } from "../ui/parts";

interface Stage { name: string; kind: string; percent: string; names: string; contains: string; policy: string }
const fresh = (n: number): Stage => ({ name: n === 0 ? "first" : `stage-${n + 1}`, kind: n === 0 ? "SELECTION" : "PERCENTAGE", percent: n === 0 ? "5" : "100", names: "", contains: "", policy: "ROLLBACK_ON_FAILURE" });

function selection(stage: Stage): SageMaker.DeviceSelectionConfig {
  if (stage.kind === "PERCENTAGE") return { DeviceSubsetType: "PERCENTAGE", Percentage: Number(stage.percent) };
  if (stage.kind === "NAMECONTAINS") return { DeviceSubsetType: "NAMECONTAINS", DeviceNameContains: stage.contains };
  return { DeviceSubsetType: "SELECTION", DeviceNames: stage.names.split(/[\s,]+/).filter(Boolean) };
}

export function PlanEditor({ close }: { close: () => void }) {
  const packages = useAll("SageMaker.ListEdgePackagingJobs", { StatusEquals: "COMPLETED", SortBy: "CREATION_TIME", SortOrder: "Descending" }, (page) => page.EdgePackagingJobSummaries, 2);
  const fleets = overview.value?.Fleets.map((f) => f.DeviceFleetName) ?? [];
  const [name, setName] = useState("");
  const [fleet, setFleet] = useState(param("fleet"));
  const [chosen, setChosen] = useState(param("package"));
  const [handle, setHandle] = useState("");
  const [stages, setStages] = useState<Stage[]>([fresh(0)]);
  const names = (packages.data ?? []).map((p): [string, string] => [p.EdgePackagingJobName, `${p.EdgePackagingJobName} (${p.ModelName} ${p.ModelVersion})`]);
  const source = chosen || names[0]?.[0] || "";
  const model = packages.data?.find((p) => p.EdgePackagingJobName === source)?.ModelName ?? "";
  const into = fleet || fleets[0] || "";
  const set = (at: number, change: Partial<Stage>) => setStages(stages.map((s, i) => (i === at ? { ...s, ...change } : s)));
  const create = async () => {
    if (!source) throw new ApiError(0, "No package", "package a compiled model first");
    await call("SageMaker.CreateEdgeDeploymentPlan", {
      EdgeDeploymentPlanName: name, DeviceFleetName: into, ModelConfigs: [{ ModelHandle: handle || model, EdgePackagingJobName: source }],
      Stages: stages.map((s) => ({ StageName: s.name, DeviceSelectionConfig: selection(s), DeploymentConfig: { FailureHandlingPolicy: s.policy as SageMaker.EdgeDeploymentConfig["FailureHandlingPolicy"] } })),
    });
    go(to("deployments", name));
  };
  return (
    <Card title="New deployment plan">
      <Form word="Create plan" submit={create} cancel={close}>
        <div class="two">
          <Field label="Plan name" value={name} set={setName} required max={63} autofocus />
          <Choice label="Fleet" value={into} set={setFleet} of={fleets.map((f): [string, string] => [f, f])} />
          <Choice label="Package" value={source} set={setChosen} of={names.length ? names : [["", "None yet"]]} />
          <Field label="Handle on the device" value={handle} set={setHandle} placeholder={model} hint="What applications load it as." max={63} />
        </div>
        {stages.map((s, i) => (
          <fieldset class="stage" key={i}>
            <legend>Stage {i + 1}</legend>
            <div class="two">
              <Field label="Stage name" value={s.name} set={(v) => set(i, { name: v })} required max={63} />
              <Choice label="Devices" value={s.kind} set={(kind) => set(i, { kind })} of={[["SELECTION", "These devices"], ["NAMECONTAINS", "Names that contain"], ["PERCENTAGE", "A share of the fleet"]]} />
              {s.kind === "PERCENTAGE" && <Field label="Percent" type="number" value={s.percent} set={(v) => set(i, { percent: v })} required />}
              {s.kind === "NAMECONTAINS" && <Field label="Name contains" value={s.contains} set={(v) => set(i, { contains: v })} required />}
              <Choice label="If a device fails" value={s.policy} set={(policy) => set(i, { policy })} of={[["ROLLBACK_ON_FAILURE", "Roll back to the version before"], ["DO_NOTHING", "Leave it"]]} />
            </div>
            {s.kind === "SELECTION" && <Area label="Device names" value={s.names} set={(v) => set(i, { names: v })} rows={3} placeholder={"camera-1\ncamera-2"} hint="With spaces, commas or on lines." />}
            {stages.length > 1 && <div><button type="button" class="button small" onClick={() => setStages(stages.filter((_, k) => k !== i))}>Remove stage {i + 1}</button></div>}
          </fieldset>
        ))}
        <div><button type="button" class="button" onClick={() => setStages([...stages, fresh(stages.length)])}>Add a stage</button></div>
      </Form>
    </Card>
  );
}
