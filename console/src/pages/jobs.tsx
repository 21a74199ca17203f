// Compilation and packaging jobs.
// SPDX-License-Identifier: Apache-2.0
import { type Ask, call, may } from "../core/api";
import { aws, role } from "../core/cli";
import { span } from "../core/format";
import { param, setParams, to } from "../core/router";
import { useAll } from "../core/use";
import { Choice, Confirm, Field } from "../ui/forms";
import { Await, Card, Empty, Mark, Page, Table, Tabs, Time } from "../ui/parts";
import { CompileModel, PackageJob } from "./compile";

const states: [string, string][] = [["", "Any state"], ["INPROGRESS", "In progress"], ["COMPLETED", "Completed"], ["FAILED", "Failed"], ["STOPPED", "Stopped"]];
type Filter = Pick<Ask<"SageMaker.ListCompilationJobs">, "NameContains" | "StatusEquals">;
const filters = (): Filter => {
  const q = param("q").replace(/[^a-zA-Z0-9-]/g, "");
  return { ...(q ? { NameContains: q } : {}), ...(param("status") ? { StatusEquals: param("status") as NonNullable<Filter["StatusEquals"]> } : {}) };
};

function Compilations() {
  const jobs = useAll("SageMaker.ListCompilationJobs", { ...filters(), SortBy: "CreationTime", SortOrder: "Descending" }, (page) => page.CompilationJobSummaries, 5);
  return (
    <Await of={jobs}>{(rows) => <Table label="Compilation jobs" rows={rows} id={(j) => j.CompilationJobName}
      empty={<Empty title="No compilation job" cli={aws("sagemaker", "create-compilation-job", "--compilation-job-name", "detector", "--role-arn", role, "--input-config", '{"S3Uri":"s3://models/model.onnx","Framework":"ONNX"}', "--output-config", '{"S3OutputLocation":"s3://models/compiled/","TargetPlatform":{"Os":"LINUX","Arch":"X86_64"}}', "--stopping-condition", "MaxRuntimeInSeconds=900")}><p>A job compiles an ONNX model into machine code for one kind of device.</p></Empty>} columns={[
        { name: "Job", cell: (j) => <a href={to("jobs", "compilation", j.CompilationJobName)}>{j.CompilationJobName}</a> },
        { name: "State", cell: (j) => <Mark state={j.CompilationJobStatus} /> },
        { name: "Target", cell: (j) => j.CompilationTargetDevice ?? [j.CompilationTargetPlatformOs, j.CompilationTargetPlatformArch].filter(Boolean).join(" ") },
        { name: "Created", cell: (j) => <Time at={j.CreationTime} /> },
        { name: "Ran for", num: true, cell: (j) => (j.CompilationStartTime && j.CompilationEndTime ? span(j.CompilationEndTime - j.CompilationStartTime) : "–") },
      ]} />}</Await>
  );
}

function Packagings() {
  const jobs = useAll("SageMaker.ListEdgePackagingJobs", { ...filters(), SortBy: "CREATION_TIME", SortOrder: "Descending" } as Ask<"SageMaker.ListEdgePackagingJobs">, (page) => page.EdgePackagingJobSummaries, 5);
  return (
    <Await of={jobs}>{(rows) => <Table label="Packaging jobs" rows={rows} id={(j) => j.EdgePackagingJobName} empty={<Empty title="No packaging job"><p>Package a completed compilation job to sign it for devices.</p></Empty>} columns={[
      { name: "Job", cell: (j) => <a href={to("packages", j.EdgePackagingJobName)}>{j.EdgePackagingJobName}</a> },
      { name: "State", cell: (j) => <Mark state={j.EdgePackagingJobStatus} /> },
      { name: "Model", cell: (j) => (j.ModelName ? <a href={to("models", j.ModelName)}>{j.ModelName} {j.ModelVersion}</a> : "") },
      { name: "Compiled by", cell: (j) => (j.CompilationJobName ? <a href={to("jobs", "compilation", j.CompilationJobName)}>{j.CompilationJobName}</a> : "") },
      { name: "Created", cell: (j) => <Time at={j.CreationTime} /> },
      ...(may("operator") ? [{ name: "", num: true, cell: (j: { EdgePackagingJobName: string; EdgePackagingJobStatus: string }) => (/INPROGRESS|STARTING/.test(j.EdgePackagingJobStatus) ? <Confirm word="Stop" small title={`Stop ${j.EdgePackagingJobName}?`} run={() => call("SageMaker.StopEdgePackagingJob", { EdgePackagingJobName: j.EdgePackagingJobName })} effect="The job ends as STOPPED and makes no package." /> : "") }] : []),
    ]} />}</Await>
  );
}

export default function Jobs() {
  const kind = param("kind") || "compilation";
  return (
    <Page title="Jobs" actions={may("operator") && (kind === "compilation" ? <CompileModel first /> : <PackageJob />)}>
      <Tabs now={kind} of={[["compilation", "Compilation"], ["packaging", "Packaging"]]} url={(tab) => to("jobs", { kind: tab === "compilation" ? "" : tab })} />
      <div class="filters">
        <Field label="Name contains" type="search" value={param("q")} set={(q) => setParams({ q })} grow />
        <Choice label="State" value={param("status")} set={(status) => setParams({ status })} of={states} />
      </div>
      <Card title={kind === "compilation" ? "Compilation jobs" : "Packaging jobs"} flush>{kind === "compilation" ? <Compilations /> : <Packagings />}</Card>
    </Page>
  );
}
