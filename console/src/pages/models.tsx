// SPDX-License-Identifier: Apache-2.0
import { may } from "../core/api";
import { aws } from "../core/cli";
import { count } from "../core/format";
import { overview } from "../core/live";
import { param, setParams, to } from "../core/router";
import { useAll } from "../core/use";
import { Field } from "../ui/forms";
import { Await, Card, Empty, Page, Table, Time } from "../ui/parts";
import { UploadModel } from "./compile";

export default function Models() {
  const q = param("q").replace(/[^a-zA-Z0-9-]/g, "");
  const models = useAll("Kedge.ListModels", q ? { NameContains: q } : {}, (page) => page.Models);
  const devices = (name: string) => overview.value?.Models.filter((m) => m.ModelName === name).reduce((sum, m) => sum + m.Devices, 0) ?? 0;
  return (
    <Page title="Models" actions={may("operator") && <UploadModel />}>
      <div class="filters"><Field label="Name contains" type="search" value={param("q")} set={(text) => setParams({ q: text })} grow /></div>
      <Card title="Registry" flush>
        <Await of={models}>{(rows) => <Table label="Models" rows={rows} id={(m) => m.ModelName}
          empty={<Empty title="No model yet" cli={aws("s3", "cp", "model.onnx", "s3://models/model.onnx")}><p>Upload an ONNX file; then compile and package it for your devices.</p></Empty>} columns={[
            { name: "Model", cell: (m) => <a href={to("models", m.ModelName)}>{m.ModelName}</a> },
            { name: "Description", cell: (m) => m.Description ?? "" },
            { name: "On devices", num: true, cell: (m) => count(devices(m.ModelName)) },
            { name: "Changed", cell: (m) => <Time at={m.LastModifiedTime} /> },
          ]} />}</Await>
      </Card>
    </Page>
  );
}
