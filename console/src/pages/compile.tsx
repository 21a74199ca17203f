// Uploading a model, compiling and packaging it: the three forms.
// SPDX-License-Identifier: Apache-2.0
import { useState } from "preact/hooks";
import { type Ask, call, upload } from "../core/api";
import { role } from "../core/cli";
import { bytes, percent } from "../core/format";
import { go, to } from "../core/router";
import { tell } from "../core/toast";
import { useAll } from "../core/use";
import { Choice, Field, FileField, Form, Opens } from "../ui/forms";

type Platform = NonNullable<Ask<"SageMaker.CreateCompilationJob">["OutputConfig"]["TargetPlatform"]>;
const platforms: [string, string][] = [["X86_64", "Linux on 64-bit Intel or AMD"], ["ARM64", "Linux on 64-bit ARM"]];
const safe = (text: string) => text.replace(/\.[^.]*$/, "").replace(/[^a-zA-Z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 50) || "model";

export function UploadModel() {
  const [file, setFile] = useState<File | null>(null);
  const [name, setName] = useState("");
  const [version, setVersion] = useState("1");
  const [sent, setSent] = useState(0);
  const run = async () => {
    if (!file) return;
    const uri = `s3://models/${name}/${version.replace(/[^a-zA-Z0-9._-]/g, "-")}/${file.name.replace(/[^a-zA-Z0-9._-]/g, "-")}`;
    await upload(uri, file, setSent);
    await call("Kedge.CreateModel", { ModelName: name }).catch((error: { code?: string }) => { if (error.code !== "ResourceInUse") throw error; });
    await call("Kedge.CreateModelVersion", { ModelName: name, ModelVersion: version, SourceUri: uri });
    tell(`${name} ${version} is in the registry.`);
    go(to("models", name));
  };
  return (
    <Opens word="Upload a model" first>{(close) => (
      <Form word="Upload" cancel={close} submit={run} note={file && sent > 0 && <p class="small">{bytes(sent)} of {bytes(file.size)} ({percent(sent, file.size)})</p>}>
        <FileField label="Model file" accept=".onnx,.gz,.tar" required hint="ONNX, or a .tar.gz with one .onnx file." set={(chosen) => { setFile(chosen); if (!name) setName(safe(chosen.name)); }} />
        <div class="two">
          <Field label="Model name" value={name} set={setName} required max={63} />
          <Field label="Version" value={version} set={setVersion} required max={30} />
        </div>
      </Form>
    )}</Opens>
  );
}

export function CompileModel({ source, model, first }: { source?: string; model?: string; first?: boolean }) {
  const [uri, setUri] = useState(source ?? "s3://models/");
  const [name, setName] = useState(`${model ?? "model"}-${Date.now().toString(36).slice(-5)}`);
  const [arch, setArch] = useState("X86_64");
  const [shapes, setShapes] = useState("");
  const run = async () => {
    await call("SageMaker.CreateCompilationJob", {
      CompilationJobName: name, RoleArn: role,
      InputConfig: { S3Uri: uri, Framework: "ONNX", ...(shapes ? { DataInputConfig: shapes } : {}) },
      OutputConfig: { S3OutputLocation: "s3://models/compiled/", TargetPlatform: { Os: "LINUX", Arch: arch as Platform["Arch"] } },
      StoppingCondition: { MaxRuntimeInSeconds: 900 },
    });
    go(to("jobs", "compilation", name));
  };
  return (
    <Opens word="Compile" title="Compile a model" first={first}>{(close) => (
      <Form word="Start the job" cancel={close} submit={run}>
        <Field label="Job name" value={name} set={setName} required max={63} />
        <Field label="Model in the object store" value={uri} set={setUri} required />
        <Choice label="Target" value={arch} set={setArch} of={platforms} />
        <Field label="Input shapes" value={shapes} set={setShapes} placeholder='{"image":[1,1,32,32]}' hint="Only for inputs of variable shape; otherwise the model's own count." />
      </Form>
    )}</Opens>
  );
}

export function PackageJob({ job, model }: { job?: string; model?: string }) {
  const jobs = useAll("SageMaker.ListCompilationJobs", { StatusEquals: "COMPLETED", SortBy: "CreationTime", SortOrder: "Descending" }, (page) => page.CompilationJobSummaries.map((j) => j.CompilationJobName), 1);
  const [from, setFrom] = useState(job ?? "");
  const [name, setName] = useState("");
  const [modelName, setModel] = useState(model ?? "");
  const [version, setVersion] = useState("1");
  const source = from || jobs.data?.[0] || "";
  const run = async () => {
    const EdgePackagingJobName = name || `${source.slice(0, 54)}-package`;
    await call("SageMaker.CreateEdgePackagingJob", { EdgePackagingJobName, CompilationJobName: source, ModelName: modelName, ModelVersion: version, RoleArn: role, OutputConfig: { S3OutputLocation: "s3://models/packages/" } });
    go(to("packages", EdgePackagingJobName));
  };
  return (
    <Opens word="Package" title="Sign and package a compiled model" first>{(close) => (
      <Form word="Package" cancel={close} submit={run}>
        <Field label="Compilation job" value={source} set={setFrom} required list={jobs.data ?? []} />
        <div class="two">
          <Field label="Model name" value={modelName} set={setModel} required max={63} />
          <Field label="Version" value={version} set={setVersion} required max={30} />
        </div>
        <Field label="Name of the packaging job" value={name} set={setName} placeholder={`${source}-package`} max={63} />
      </Form>
    )}</Opens>
  );
}
