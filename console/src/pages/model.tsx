// One model: versions and where each came from and went to.
// SPDX-License-Identifier: Apache-2.0
import { call, may } from "../core/api";
import { count } from "../core/format";
import { overview } from "../core/live";
import { param, path, to } from "../core/router";
import { tell } from "../core/toast";
import { useAll, useCall } from "../core/use";
import { Await, Card, Empty, Facts, Mark, Page, Table, Time } from "../ui/parts";
import { CompileModel, PackageJob, UploadModel } from "./compile";

function jobUrl(kind: string, name: string): string {
  if (/COMPIL/i.test(kind)) return to("jobs", "compilation", name);
  return /PACK/i.test(kind) ? to("packages", name) : to("deployments", name);
}

function Version({ model, version, changed }: { model: string; version: string; changed: () => void }) {
  const described = useCall("Kedge.DescribeModelVersion", { ModelName: model, ModelVersion: version });
  const approve = async (ApprovalStatus: "APPROVED" | "REJECTED" | "PENDING") => {
    const before = described.data?.ApprovalStatus ?? "PENDING";
    const set = async (to: typeof ApprovalStatus) => { await call("Kedge.UpdateModelVersion", { ModelName: model, ModelVersion: version, ApprovalStatus: to }); described.again(); changed(); };
    await set(ApprovalStatus);
    tell(`Version ${version} is ${ApprovalStatus.toLowerCase()}.`, () => void set(before as typeof ApprovalStatus));
  };
  return (
    <Await of={described}>{(v) => {
      const compiled = v.Lineage.Steps.filter((s) => /COMPIL/i.test(s.Kind) && s.Status === "COMPLETED").at(-1);
      const parts = (s: { Name: string; Target?: string; Artifact?: string; Digest?: string }) => <Facts of={[["Target", s.Target], ["Artifact", s.Artifact && <code>{s.Artifact}</code>], ["Digest", s.Digest && <code>{s.Digest}</code>]]} />;
      return (
        <Card title={`Lineage of version ${version}`} more={<>
          <Mark state={v.ApprovalStatus} />
          {may("operator") && v.ApprovalStatus !== "APPROVED" && <button type="button" class="button small" onClick={() => void approve("APPROVED")}>Approve</button>}
          {may("operator") && v.ApprovalStatus !== "REJECTED" && <button type="button" class="button small" onClick={() => void approve("REJECTED")}>Reject</button>}
        </>}>
          <div class="stack">
            {may("operator") && <div class="row">
              {v.Lineage.SourceUri && <CompileModel source={v.Lineage.SourceUri} model={model} first={!compiled} />}
              {compiled && <PackageJob job={compiled.Name} model={model} />}
            </div>}
            <ol class="steps">
              <li><div><b>Source</b> <Facts of={[["Object", v.Lineage.SourceUri && <code>{v.Lineage.SourceUri}</code>], ["SHA-256", v.Lineage.SourceSha256 && <code>{v.Lineage.SourceSha256}</code>]]} /></div></li>
              {v.Lineage.Steps.map((s) => <li key={s.Arn}><div><div class="row"><b>{s.Kind.toLowerCase().replaceAll("_", " ")}</b> <a href={jobUrl(s.Kind, s.Name)}>{s.Name}</a> <Mark state={s.Status} /> <Time at={s.Time} /></div>{parts(s)}</div></li>)}
            </ol>
          </div>
        </Card>
      );
    }}</Await>
  );
}

export default function Model() {
  const model = path.value[1] ?? "";
  const described = useCall("Kedge.DescribeModel", { ModelName: model });
  const versions = useAll("Kedge.ListModelVersions", { ModelName: model, SortOrder: "Descending" }, (page) => page.ModelVersions);
  const chosen = param("version") || described.data?.LatestVersion || "";
  const onDevices = overview.value?.Models.filter((m) => m.ModelName === model) ?? [];
  const by = (version: string) => onDevices.find((m) => m.ModelVersion === version);
  return (
    <Page title={model} crumbs={[["Models", to("models")]]} sub={described.data?.Description} actions={may("operator") && <UploadModel />}>
      <Card title="Versions" flush>
        <Await of={versions} lines={3}>{(rows) => <Table label="Versions" rows={rows} id={(v) => v.ModelVersion} empty={<Empty title="No version yet" />} columns={[
          { name: "Version", cell: (v) => <a href={to("models", model, { version: v.ModelVersion })} aria-current={v.ModelVersion === chosen ? "true" : undefined}>{v.ModelVersion}</a> },
          { name: "Approval", cell: (v) => <Mark state={v.ApprovalStatus} /> },
          { name: "On devices", num: true, cell: (v) => <a href={to("devices", { model, version: v.ModelVersion })}>{count(by(v.ModelVersion)?.Devices ?? 0)}</a> },
          { name: "Active", num: true, cell: (v) => count(by(v.ModelVersion)?.ActiveDevices ?? 0) },
          { name: "Made", cell: (v) => <Time at={v.CreationTime} /> },
        ]} />}</Await>
      </Card>
      {described.data && chosen && <Version key={chosen} model={model} version={chosen} changed={versions.again} />}
      {described.error && onDevices.length > 0 && <Card title="Versions on devices" flush><Table label="Versions on devices" rows={onDevices} id={(m) => m.ModelVersion} columns={[
        { name: "Version", cell: (m) => <a href={to("devices", { model, version: m.ModelVersion })}>{m.ModelVersion}</a> }, { name: "Devices", num: true, cell: (m) => count(m.Devices) }, { name: "Active", num: true, cell: (m) => count(m.ActiveDevices) }]} /></Card>}
    </Page>
  );
}
