// SPDX-License-Identifier: Apache-2.0
import { useState } from "preact/hooks";
import { call, may } from "../core/api";
import { aws, role } from "../core/cli";
import { count, percent } from "../core/format";
import { overview } from "../core/live";
import { go, param, setParams, to } from "../core/router";
import { tell } from "../core/toast";
import { useAll } from "../core/use";
import { CsvButton } from "../ui/charts";
import { Field, Form, Opens } from "../ui/forms";
import { Await, Card, Empty, FleetLink, Page, Table, Time } from "../ui/parts";

export function CreateFleet() {
  const [name, setName] = useState("");
  const [output, setOutput] = useState("s3://models/captures/");
  const [description, setDescription] = useState("");
  const create = async () => {
    await call("SageMaker.CreateDeviceFleet", { DeviceFleetName: name, RoleArn: role, OutputConfig: { S3OutputLocation: output }, ...(description ? { Description: description } : {}) });
    tell(`Fleet ${name} is there.`, () => void call("SageMaker.DeleteDeviceFleet", { DeviceFleetName: name }));
    go(to("fleets", name));
  };
  return (
    <Opens word="Create a fleet" first>
      {(close) => (
        <Form word="Create fleet" cancel={close} submit={create}>
          <Field label="Name" value={name} set={setName} required max={63} hint="Letters, digits and single dashes." />
          <Field label="Where captures go" value={output} set={setOutput} required hint="An s3:// location; devices may write below it." />
          <Field label="Description" value={description} set={setDescription} max={800} />
        </Form>
      )}
    </Opens>
  );
}

export default function Fleets() {
  const filter = param("q");
  const fleets = useAll("SageMaker.ListDeviceFleets", { SortBy: "NAME", SortOrder: "Ascending", ...(filter.replace(/[^a-zA-Z0-9-]/g, "") ? { NameContains: filter.replace(/[^a-zA-Z0-9-]/g, "") } : {}) }, (page) => page.DeviceFleetSummaries);
  const by = new Map(overview.value?.Fleets.map((f) => [f.DeviceFleetName, f]));
  return (
    <Page title="Fleets" actions={may("operator") && <CreateFleet />}>
      <div class="filters"><Field label="Name contains" type="search" value={filter} set={(q) => setParams({ q })} grow /></div>
      <Card title="Fleets" flush more={<CsvButton name="fleets" rows={() => [["fleet", "registered", "connected"], ...(fleets.data ?? []).map((f) => [f.DeviceFleetName, by.get(f.DeviceFleetName)?.RegisteredDevices, by.get(f.DeviceFleetName)?.ConnectedDevices])]} />}>
        <Await of={fleets}>{(rows) => (
          <Table label="Fleets" rows={rows} id={(f) => f.DeviceFleetName}
            empty={<Empty title={filter ? "No fleet has such a name" : "No fleet yet"} cli={aws("sagemaker", "create-device-fleet", "--device-fleet-name", "workshop", "--output-config", "S3OutputLocation=s3://models/captures/")}>
              <p>A fleet holds the devices that get the same models.</p></Empty>}
            columns={[
              { name: "Fleet", cell: (f) => <FleetLink name={f.DeviceFleetName} /> },
              { name: "Registered", num: true, cell: (f) => count(by.get(f.DeviceFleetName)?.RegisteredDevices) },
              { name: "Connected", num: true, cell: (f) => { const o = by.get(f.DeviceFleetName); return o ? `${count(o.ConnectedDevices)} (${percent(o.ConnectedDevices, o.RegisteredDevices)})` : "–"; } },
              { name: "Created", cell: (f) => <Time at={f.CreationTime} /> },
            ]} />
        )}</Await>
      </Card>
    </Page>
  );
}
