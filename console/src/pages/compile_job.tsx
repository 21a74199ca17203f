// One compilation job: live log, layers, memory.
// SPDX-License-Identifier: Apache-2.0
import { call, may } from "../core/api";
import { bytes, count, span, time } from "../core/format";
import { go, path, to } from "../core/router";
import { useCall, useLoaded } from "../core/use";
import { Bars, CsvButton } from "../ui/charts";
import { Confirm } from "../ui/forms";
import { Await, Card, Facts, Figure, Mark, Page, Table } from "../ui/parts";
import { PackageJob } from "./compile";
import { JobLog } from "./log";

/** report.json as the compiler writes it (src/compiler/report.cc). */
interface Report {
  compiler?: string; target?: string; cpu_features?: string; model_hash?: string;
  inputs?: Tensor[]; outputs?: Tensor[];
  arena_bytes?: number; weights_bytes?: number; code_bytes?: number; kernels?: number; kernels_compiled?: number; generic_nodes?: number;
  nodes?: { name: string; op: string; kernel: string }[];
  steps?: { kernel: string; tasks: number; nodes: number[] }[];
}
interface Tensor { name: string; dtype: string; shape: number[]; bytes: number }

function Memory({ report }: { report: Report }) {
  const tensors = (list: Tensor[] | undefined) => (list ?? []).reduce((sum, t) => sum + t.bytes, 0);
  const parts: [string, number][] = [["Weights", report.weights_bytes ?? 0], ["Arena for what lies between layers", report.arena_bytes ?? 0], ["Machine code", report.code_bytes ?? 0], ["Inputs", tensors(report.inputs)], ["Outputs", tensors(report.outputs)]];
  return (
    <Card title="Memory of one loaded model" more={<CsvButton name="memory" rows={() => [["part", "bytes"], ...parts]} />}>
      <div class="stack">
        <div class="memory" aria-hidden="true">{parts.filter(([, n]) => n > 0).map(([name, n], i) => <i key={name} title={`${name}: ${bytes(n)}`} style={{ flexGrow: n, flexBasis: 0, background: `var(--series-${i + 1})` }} />)}</div>
        <Bars unit="bytes" of={parts.map(([name, n]) => ({ name, value: n, note: bytes(n) }))} />
      </div>
    </Card>
  );
}

function Layers({ report }: { report: Report }) {
  const nodes = report.nodes ?? [];
  const kernels = new Map<string, number>();
  for (const node of nodes) kernels.set(node.kernel, (kernels.get(node.kernel) ?? 0) + 1);
  return (
    <div class="cards wide">
      <Card title="Layers by the path that computes them"><Bars unit="layers" total={nodes.length} of={[...kernels].sort((a, b) => b[1] - a[1]).slice(0, 14).map(([name, value]) => ({ name, value }))} /></Card>
      <Card title={`Layers (${count(nodes.length)})`} flush more={<CsvButton name="layers" rows={() => [["layer", "operator", "kernel"], ...nodes.map((n) => [n.name, n.op, n.kernel])]} />}>
        <Table label="Layers" rows={nodes.map((n, i) => ({ ...n, i }))} id={(n) => String(n.i)} columns={[{ name: "#", num: true, cell: (n) => n.i + 1 }, { name: "Operator", cell: (n) => n.op }, { name: "Layer", cell: (n) => n.name }, { name: "Kernel", cell: (n) => n.kernel }, { name: "Tasks", num: true, cell: (n) => count(report.steps?.filter((s) => s.nodes.includes(n.i)).reduce((sum, s) => sum + s.tasks, 0)) }]} />
      </Card>
    </div>
  );
}

export default function CompileJob() {
  const job = path.value[2] ?? "";
  const described = useCall("SageMaker.DescribeCompilationJob", { CompilationJobName: job });
  const status = described.data?.CompilationJobStatus;
  const report = useLoaded("report" + job + status, async () => (status === "COMPLETED" ? (JSON.parse((await call("Kedge.DescribeCompilationReport", { CompilationJobName: job })).Report) as Report) : null));
  const remove = async () => { await call("SageMaker.DeleteCompilationJob", { CompilationJobName: job }); go(to("jobs")); };
  return (
    <Page title={job} crumbs={[["Jobs", to("jobs")]]} actions={may("operator") && status && <>
      {status === "COMPLETED" && <PackageJob job={job} model={job.replace(/-[^-]*$/, "")} />}
      {/INPROGRESS|STARTING/.test(status) ? <Confirm word="Stop" title={`Stop ${job}?`} run={() => call("SageMaker.StopCompilationJob", { CompilationJobName: job })} effect="The compiler is ended and the job is STOPPED; nothing is written." />
        : <Confirm word="Delete" title={`Delete ${job}?`} run={remove} effect="The job, its log and its report are deleted; it can no longer be packaged. What it wrote to the object store stays." />}
    </>}>
      <Await of={described}>{(d) => (
        <>
          <div class="cards wide">
            <Card title="Job" more={<span data-test="status"><Mark state={d.CompilationJobStatus} /></span>}>
              <Facts of={[["Model", <code>{d.InputConfig.S3Uri}</code>], ["Target", d.OutputConfig.TargetDevice ?? [d.OutputConfig.TargetPlatform?.Os, d.OutputConfig.TargetPlatform?.Arch, d.OutputConfig.TargetPlatform?.Accelerator].filter(Boolean).join(" ")], ["Inputs", d.InputConfig.DataInputConfig ?? d.DerivedInformation?.DerivedDataInputConfig],
                ["Result", d.ModelArtifacts.S3ModelArtifacts && <code>{d.ModelArtifacts.S3ModelArtifacts}</code>], ["Digest", d.ModelDigests?.ArtifactDigest && <code>{d.ModelDigests.ArtifactDigest}</code>], ["Created", time(d.CreationTime)],
                ["Ran for", d.CompilationStartTime && d.CompilationEndTime ? span(d.CompilationEndTime - d.CompilationStartTime) : ""], ["Failure", d.FailureReason && <span class="wrap">{d.FailureReason}</span>]]} />
            </Card>
            <JobLog kind="COMPILATION" job={job} ended={described.again} />
          </div>
          {report.data && <>
            <div class="figures">
              <Figure label="Layers" value={count(report.data.nodes?.length)} hint={`${count(report.data.generic_nodes)} by the generic path`} />
              <Figure label="Weights" value={bytes(report.data.weights_bytes ?? 0)} />
              <Figure label="Arena" value={bytes(report.data.arena_bytes ?? 0)} hint="scratch of one run" />
              <Figure label="Machine code" value={bytes(report.data.code_bytes ?? 0)} hint={report.data.target} />
              <Figure label="Kernels compiled" value={count(report.data.kernels_compiled)} hint={`of ${count(report.data.kernels)}, the others from the cache`} />
            </div>
            <Memory report={report.data} />
            <Layers report={report.data} />
          </>}
        </>
      )}</Await>
    </Page>
  );
}
