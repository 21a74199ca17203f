// SPDX-License-Identifier: Apache-2.0
import { may } from "../core/api";
import { param, setParams, to } from "../core/router";
import { useAll } from "../core/use";
import { Field } from "../ui/forms";
import { Await, Card, Empty, Mark, Page, Table, Time } from "../ui/parts";
import { PackageJob } from "./compile";

export default function Packages() {
  const q = param("q").replace(/[^a-zA-Z0-9-]/g, "");
  const jobs = useAll("SageMaker.ListEdgePackagingJobs", { SortBy: "CREATION_TIME", SortOrder: "Descending", ...(q ? { ModelNameContains: q } : {}) }, (page) => page.EdgePackagingJobSummaries, 5);
  return (
    <Page title="Packages" sub="Signed archives that carry a compiled model to devices." actions={may("operator") && <PackageJob />}>
      <div class="filters"><Field label="Model name contains" type="search" value={param("q")} set={(text) => setParams({ q: text })} grow /></div>
      <Card title="Packages" flush>
        <Await of={jobs}>{(rows) => <Table label="Packages" rows={rows} id={(j) => j.EdgePackagingJobName} empty={<Empty title="No package yet"><p>Compile a model, then package the job.</p><a class="button" href={to("jobs")}>Jobs</a></Empty>} columns={[
          { name: "Package", cell: (j) => <a href={to("packages", j.EdgePackagingJobName)}>{j.EdgePackagingJobName}</a> },
          { name: "Model", cell: (j) => (j.ModelName ? <a href={to("models", j.ModelName)}>{j.ModelName}</a> : "") },
          { name: "Version", cell: (j) => j.ModelVersion ?? "" },
          { name: "State", cell: (j) => <Mark state={j.EdgePackagingJobStatus} /> },
          { name: "Created", cell: (j) => <Time at={j.CreationTime} /> },
        ]} />}</Await>
      </Card>
    </Page>
  );
}
