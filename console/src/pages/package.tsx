// One package: manifest, signature, where it came from.
// SPDX-License-Identifier: Apache-2.0
import { useState } from "preact/hooks";
import { call, may, objectUrl, readObject } from "../core/api";
import { bytes, count, time } from "../core/format";
import { path, to } from "../core/router";
import { readPackage } from "../core/tar";
import { useCall, useLoaded } from "../core/use";
import { Confirm } from "../ui/forms";
import { Await, Card, Empty, Facts, Mark, Page, Table } from "../ui/parts";
import { JobLog } from "./log";

interface Manifest {
  files: { name: string; bytes: number; sha256: string }[];
  format: number;
  io: { inputs: Tensor[]; outputs: Tensor[] };
  metadata: { model_name: string; model_version: string };
  model_sha256: string;
  targets: { target: string; cpu_features: string; limits: { arena_bytes: number } }[];
}
interface Tensor { name: string; dtype: string; shape: number[] }
interface Checked { manifest: Manifest; bundle: Record<string, unknown>; digests: Map<string, boolean>; size: number }

const hex = (buffer: ArrayBuffer) => [...new Uint8Array(buffer)].map((b) => b.toString(16).padStart(2, "0")).join("");

async function check(uri: string): Promise<Checked> {
  const packed = await readObject(uri);
  const entries = await readPackage(packed);
  const find = (name: string) => entries.find((e) => e.name === name)?.bytes ?? new Uint8Array();
  const manifest = JSON.parse(new TextDecoder().decode(find("sagemaker_edge_manifest"))) as Manifest;
  const bundle = JSON.parse(new TextDecoder().decode(find("model.sig"))) as Record<string, unknown>;
  const digests = new Map<string, boolean>();
  // Only secure places have crypto.subtle; elsewhere nothing is said about digests.
  if (globalThis.crypto?.subtle) {
    for (const file of manifest.files) digests.set(file.name, hex(await crypto.subtle.digest("SHA-256", find(file.name).slice().buffer)) === file.sha256);
  }
  return { manifest, bundle, digests, size: packed.byteLength };
}

function Content({ uri }: { uri: string }) {
  const [asked, setAsked] = useState(false);
  const read = useLoaded("package" + uri + asked, () => (asked ? check(uri) : Promise.resolve(null)));
  if (!asked) return <Card title="Manifest and signature"><Empty title="Read from the package itself"><p>Downloads it into this page, compares every file's digest with the manifest and shows the signature.</p><button type="button" class="button" onClick={() => setAsked(true)}>Read the package</button></Empty></Card>;
  const shape = (t: Tensor) => `${t.name}: ${t.dtype} [${t.shape.join(", ")}]`;
  return (
    <Await of={read} lines={6}>{(c) => c && (
      <>
        <Card title="Manifest">
          <Facts of={[["Model", `${c.manifest.metadata.model_name} ${c.manifest.metadata.model_version}`], ["Format", String(c.manifest.format)], ["Size", bytes(c.size)], ["Source model's SHA-256", <code>{c.manifest.model_sha256}</code>],
            ["Inputs", c.manifest.io.inputs.map(shape).join("; ")], ["Outputs", c.manifest.io.outputs.map(shape).join("; ")], ["Targets", c.manifest.targets.map((t) => `${t.target} (${t.cpu_features}), arena ${bytes(t.limits.arena_bytes)}`).join("; ")]]} />
        </Card>
        <Card title={`Files (${count(c.manifest.files.length)})`} flush>
          <Table label="Files" rows={c.manifest.files} id={(f) => f.name} columns={[{ name: "File", cell: (f) => f.name }, { name: "Size", num: true, cell: (f) => bytes(f.bytes) }, { name: "SHA-256", cell: (f) => <code title={f.sha256}>{f.sha256.slice(0, 20)}</code> },
            { name: "Digest", cell: (f) => (c.digests.has(f.name) ? <Mark state={c.digests.get(f.name) ? "VALID" : "FAILED"} /> : "not checked here") }]} />
        </Card>
        <Card title="Signature (OpenSSF Model Signing bundle)"><pre class="log" tabIndex={0}>{JSON.stringify(c.bundle, null, 2)}</pre><p class="small muted">Whether the signature is right is the devices' and <code>kedge verify</code>'s to say.</p></Card>
      </>
    )}</Await>
  );
}

export default function Package() {
  const job = path.value[1] ?? "";
  const described = useCall("SageMaker.DescribeEdgePackagingJob", { EdgePackagingJobName: job });
  const status = described.data?.EdgePackagingJobStatus;
  const artifact = described.data?.ModelArtifact;
  return (
    <Page title={job} crumbs={[["Packages", to("packages")]]} actions={<>
      {artifact && <a class="button" href={objectUrl(artifact)} download={`${described.data?.ModelName}-${described.data?.ModelVersion}.tar.gz`}>Download</a>}
      {may("operator") && status && /INPROGRESS|STARTING/.test(status) && <Confirm word="Stop" title={`Stop ${job}?`} run={() => call("SageMaker.StopEdgePackagingJob", { EdgePackagingJobName: job })} effect="The job ends as STOPPED and makes no package." />}
      {may("operator") && status === "COMPLETED" && <a class="button first" href={to("deployments", { new: "1", package: job })}>Deploy</a>}
    </>}>
      <Await of={described}>{(d) => (
        <div class="cards wide">
          <Card title="Provenance" more={<span data-test="status"><Mark state={d.EdgePackagingJobStatus} /></span>}>
            <Facts of={[["Model", d.ModelName && <a href={to("models", d.ModelName)}>{d.ModelName} {d.ModelVersion}</a>], ["Compiled by", d.CompilationJobName && <a href={to("jobs", "compilation", d.CompilationJobName)}>{d.CompilationJobName}</a>], ["Archive", d.ModelArtifact && <code>{d.ModelArtifact}</code>],
              ["Created", d.CreationTime && time(d.CreationTime)], ["Message", d.EdgePackagingJobStatusMessage], ["Component", d.PresetDeploymentOutput && `${d.PresetDeploymentOutput.Status ?? ""} ${d.PresetDeploymentOutput.Artifact ?? ""}`]]} />
          </Card>
          <JobLog kind="PACKAGING" job={job} ended={described.again} />
          {d.ModelArtifact && status === "COMPLETED" && <Content uri={d.ModelArtifact} />}
        </div>
      )}</Await>
    </Page>
  );
}
