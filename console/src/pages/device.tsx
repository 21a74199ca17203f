// One device: who it is, what it runs, what was sent to it.
// SPDX-License-Identifier: Apache-2.0
import { useState } from "preact/hooks";
import { type Ask, call, may } from "../core/api";
import { time } from "../core/format";
import { go, path, to } from "../core/router";
import { tell } from "../core/toast";
import { useAll, useCall } from "../core/use";
import { Choice, Confirm, Field, Form, Opens } from "../ui/forms";
import { Await, Card, Empty, Facts, Mark, Page, Table, Time } from "../ui/parts";
import { MetricChart, Tags } from "./fleet";
import { EnrolDevices } from "./register";

const freshMs = 3000;

function SendCommand({ fleet, device, models, done }: { fleet: string; device: string; models: string[]; done: () => void }) {
  const [kind, setKind] = useState<Ask<"Kedge.SendDeviceCommand">["Kind"]>("REPORT_NOW");
  const [handle, setHandle] = useState(models[0] ?? "");
  const send = async () => {
    const { CommandId } = await call("Kedge.SendDeviceCommand", { DeviceFleetName: fleet, DeviceNames: [device], Kind: kind, ...(kind === "RESTART_MODEL" ? { Parameters: { ModelHandle: handle } } : {}) });
    tell("The device gets the command at its next contact.", () => void call("Kedge.CancelDeviceCommand", { DeviceFleetName: fleet, CommandId }).then(done));
    done();
  };
  return (
    <Opens word="Send a command" small>{(close) => (
      <Form word="Send" cancel={close} submit={() => send().then(close)}>
        <Choice label="Command" value={kind} set={(value) => setKind(value as typeof kind)} of={[["REPORT_NOW", "Report now"], ["DESCRIBE_MODELS", "Describe its models"], ["RESTART_MODEL", "Restart a model"]]} />
        {kind === "RESTART_MODEL" && <Field label="Handle of the model" value={handle} set={setHandle} required list={models} />}
      </Form>
    )}</Opens>
  );
}

export default function Device() {
  const [, fleet = "", device = ""] = path.value;
  const described = useCall("SageMaker.DescribeDevice", { DeviceFleetName: fleet, DeviceName: device }, freshMs);
  const state = useCall("Kedge.ListDeviceStates", { DeviceFleetName: fleet, NameContains: device, MaxResults: 100 }, freshMs);
  const commands = useAll("Kedge.ListDeviceCommands", { DeviceFleetName: fleet, DeviceName: device }, (page) => page.DeviceCommands, 2);
  const certificates = useAll("Kedge.ListDeviceCertificates", { DeviceFleetName: fleet, DeviceName: device }, (page) => page.DeviceCertificateSummaries, 2);
  const events = useCall("Kedge.ListEvents", { DeviceFleetName: fleet, DeviceName: device, SortOrder: "Descending", MaxResults: 20 });
  const captures = useCall("Kedge.ListCaptures", { DeviceFleetName: fleet, DeviceName: device, MaxResults: 5 });
  const now = state.data?.Devices.find((d) => d.DeviceName === device);
  const remove = async () => { await call("SageMaker.DeregisterDevices", { DeviceFleetName: fleet, DeviceNames: [device] }); tell(`Device ${device} is deregistered.`); go(to("devices", { fleet })); };
  return (
    <Page title={device} crumbs={[["Devices", to("devices")], [fleet, to("fleets", fleet)]]} sub={described.data?.Description}
      actions={may("operator") && <><EnrolDevices fleet={fleet} device={device} /><Confirm word="Deregister" title={`Deregister ${device}?`} run={remove} effect="Its key and certificates stop to count at once, and it leaves its deployments. The models on it go on running without the server; its captures stay." /></>}>
      <Await of={described}>{(d) => (
        <div class="cards wide">
          <Card title="Identity" more={<span data-test="connection"><Mark state={now?.Connection} /></span>}>
            <Facts of={[["Fleet", <a href={to("fleets", fleet)}>{fleet}</a>], ["Latest heartbeat", <Time at={d.LatestHeartbeat} />], ["Registered", time(d.RegistrationTime)], ["Agent", d.AgentVersion], ["IoT thing", d.IotThingName], ["ARN", <code>{d.DeviceArn}</code>]]} />
          </Card>
          <Card title="Models on the device" flush>
            <Table label="Models on the device" rows={d.Models ?? []} id={(m) => m.ModelName} empty={<Empty title="No model yet"><p>{d.LatestHeartbeat ? "Plan a deployment that chooses this device." : "Enrol the device first: it has not been heard of."}</p></Empty>} columns={[
              { name: "Model", cell: (m) => <a href={to("models", m.ModelName)}>{m.ModelName}</a> },
              { name: "Version", cell: (m) => m.ModelVersion },
              { name: "Latest inference", cell: (m) => <Time at={m.LatestInference} /> },
              { name: "Latest sample", cell: (m) => <Time at={m.LatestSampleTime} /> },
            ]} />
          </Card>
          <Card title="Commands" flush more={may("operator") && <SendCommand fleet={fleet} device={device} models={(d.Models ?? []).map((m) => m.ModelName)} done={commands.again} />}>
            <Await of={commands} lines={2}>{(rows) => <Table label="Commands" rows={rows} id={(c) => c.CommandId} empty={<div class="in muted">None was sent.</div>} columns={[
              { name: "Command", cell: (c) => c.Kind }, { name: "State", cell: (c) => <Mark state={c.Status} /> }, { name: "Sent", cell: (c) => <><Time at={c.CreationTime} /> {c.Actor}</> },
              { name: "Answer", cell: (c) => c.Message ?? (c.Output ? <details><summary>Output</summary><pre class="log">{c.Output}</pre></details> : "") }]} />}</Await>
          </Card>
          <Card title="Captures" flush more={<a href={to("captures", { fleet, device })}>Gallery</a>}>
            <Await of={captures} lines={2}>{(page) => <Table label="Captures" rows={page.Captures} id={(c) => c.Location} empty={<div class="in muted">None in the object store.</div>} columns={[
              { name: "Capture", cell: (c) => <a href={to("captures", { fleet, device, at: c.Location })}>{c.CaptureId}</a> }, { name: "Model", cell: (c) => c.ModelHandle }, { name: "Inference", cell: (c) => c.InferenceTime }]} />}</Await>
          </Card>
          <Card title="Certificates" flush>
            <Await of={certificates} lines={2}>{(rows) => <Table label="Certificates" rows={rows} id={(c) => c.Serial} empty={<div class="in muted">None: it has not enrolled with a claim token.</div>} columns={[
              { name: "Serial", cell: (c) => <code>{c.Serial.slice(0, 12)}</code> }, { name: "State", cell: (c) => <Mark state={c.Status} /> }, { name: "Ends", cell: (c) => <Time at={c.ExpirationTime} /> }, { name: "Seen", cell: (c) => <Time at={c.LastSeenTime} /> },
              ...(may("operator") ? [{ name: "", num: true, cell: (c: { Serial: string; Status: string }) => c.Status === "REVOKED" ? "" : <Confirm word="Revoke" small title={`Revoke certificate ${c.Serial.slice(0, 12)}?`} run={() => call("Kedge.RevokeDeviceCertificate", { DeviceFleetName: fleet, DeviceName: device, Serial: c.Serial }).then(certificates.again)} effect="The device cannot connect with it any more and must enrol again." /> }] : [])]} />}</Await>
          </Card>
          <Card title="Events" flush>
            <Await of={events} lines={3}>{(page) => <Table label="Events" rows={page.Events} id={(e) => e.EventId} empty={<div class="in muted">Nothing yet.</div>} columns={[{ name: "Event", cell: (e) => `${e.Kind}${e.Message ? ": " + e.Message : ""}` }, { name: "Severity", cell: (e) => <Mark state={e.Severity} /> }, { name: "When", num: true, cell: (e) => <Time at={e.Time} /> }]} />}</Await>
          </Card>
          <MetricChart fleet={fleet} />
          {d.DeviceArn && <Tags arn={d.DeviceArn} />}
        </div>
      )}</Await>
    </Page>
  );
}
