// Registering devices by hand or from a CSV file, and what to run on them.
// SPDX-License-Identifier: Apache-2.0
import { useState } from "preact/hooks";
import type { Kedge } from "../../generated/api_types";
import { ApiError, call } from "../core/api";
import { endpoint } from "../core/cli";
import { count } from "../core/format";
import { tell } from "../core/toast";
import { Area, Choice, Field, FileField, Form, Opens } from "../ui/forms";
import { CopyBox, Mark, Table } from "../ui/parts";

const perCall = 1000;

/** Lines of a CSV with fields in quotes. */
export function readCsv(text: string): string[][] {
  const rows: string[][] = [[]];
  let field = "", quoted = false;
  const end = () => { rows[rows.length - 1]?.push(field); field = ""; };
  for (let i = 0; i < text.length; ++i) {
    const c = text[i];
    if (quoted) {
      if (c !== '"') field += c;
      else if (text[i + 1] === '"') { field += '"'; ++i; }
      else quoted = false;
    } else if (c === '"') quoted = true;
    else if (c === ",") end();
    else if (c === "\n") { end(); rows.push([]); }
    else if (c !== "\r") field += c;
  }
  end();
  return rows.filter((row) => row.some((cell) => cell.trim() !== ""));
}

/** Columns by their heads: name, description, thing, and tag:KEY; without heads the first column is the name. */
function devicesOf(text: string): Kedge.ImportDevice[] {
  const rows = readCsv(text);
  const heads = (rows[0] ?? []).map((cell) => cell.trim().toLowerCase());
  const hasHeads = heads.some((head) => ["name", "device", "devicename"].includes(head));
  const columns = hasHeads ? heads : ["name", "description"];
  return (hasHeads ? rows.slice(1) : rows).map((row) => {
    const device: Kedge.ImportDevice = { DeviceName: "" };
    columns.forEach((column, i) => {
      const cell = (row[i] ?? "").trim();
      if (["name", "device", "devicename"].includes(column)) device.DeviceName = cell;
      else if (!cell) return;
      else if (column === "description") device.Description = cell;
      else if (column === "thing" || column === "iotthingname") device.IotThingName = cell;
      else if (column.startsWith("tag:")) device.Tags = [...(device.Tags ?? []), { Key: rows[0]?.[i]?.trim().slice(4) ?? "", Value: cell }];
    });
    return device;
  });
}

export function RegisterDevices({ fleet, done }: { fleet: string; done: () => void }) {
  const [text, setText] = useState("");
  const [dry, setDry] = useState<Kedge.ImportResult[] | null>(null);
  const run = async (DryRun: boolean): Promise<Kedge.ImportResult[]> => {
    const devices = devicesOf(text);
    if (devices.length === 0) throw new ApiError(0, "Nothing to register", "write a device's name on each line");
    const results: Kedge.ImportResult[] = [];
    for (let i = 0; i < devices.length; i += perCall) {
      const answer = await call("Kedge.ImportDevices", { DeviceFleetName: fleet, Devices: devices.slice(i, i + perCall), DryRun });
      results.push(...answer.Results);
      if (!DryRun && !answer.Applied) {
        setDry(results);
        throw new ApiError(0, "Not registered", "some lines are refused, so none of this thousand was registered; see below");
      }
    }
    return results;
  };
  return (
    <Opens word="Register devices" first>
      {(close) => (
        <Form word="Register" cancel={close} submit={async () => { const all = await run(false); tell(`${count(all.length)} devices registered or known.`); setText(""); setDry(null); close(); done(); }}>
          <FileField label="CSV file" accept=".csv,text/csv" set={(file) => void file.text().then(setText)} hint="Columns: name, description, thing, tag:KEY. Optional." />
          <Area label="Or one device a line" value={text} set={setText} placeholder={"camera-1,by the door\ncamera-2"} />
          <button type="button" class="button" onClick={() => void run(true).then(setDry, (e: ApiError) => tell(`${e.code}: ${e.message}`))}>Try without changing anything</button>
          {dry && <Table label="Results" rows={dry} id={(r) => r.DeviceName} columns={[{ name: "Device", cell: (r) => r.DeviceName }, { name: "Result", cell: (r) => <Mark state={r.Result} /> }, { name: "Reason", cell: (r) => r.Message ?? "" }]} />}
        </Form>
      )}
    </Opens>
  );
}

/** A claim token and the command that uses it; the token is shown once. */
export function EnrolDevices({ fleet, device }: { fleet: string; device?: string }) {
  const [pattern, setPattern] = useState(device ?? "*");
  const [uses, setUses] = useState(device ? "1" : "100");
  const [hours, setHours] = useState("24");
  const [token, setToken] = useState("");
  const make = async () => {
    const answer = await call("Kedge.CreateClaimToken", { DeviceFleetName: fleet, DevicePattern: pattern, Uses: Number(uses), ValidMinutes: Number(hours) * 60 });
    setToken(answer.ClaimToken);
  };
  const command = `kedge device enroll --claim ${token} --device ${device ?? "$(hostname)"} --endpoint-url ${endpoint()} -o /etc/kedge\nsystemctl enable --now kedge-agent`;
  return (
    <Opens word={device ? "Enrol this device" : "Enrol devices"}>
      {(close) => token ? (
        <div class="stack">
          <p>Run this on the device. The token is shown only here.</p>
          <CopyBox text={command} />
          <div class="end row"><button type="button" class="button first" onClick={() => { setToken(""); close(); }}>Done</button></div>
        </div>
      ) : (
        <Form word="Make the command" cancel={close} submit={make}>
          <p class="muted">A claim token lets a device get its certificate by itself, without an operator's key on it. The server must have a listener for devices (--device-listen); without one, <code>kedge device enroll --fleet {fleet}</code> with an operator's key gives the device an access key.</p>
          <Field label="Which devices" value={pattern} set={setPattern} required hint="A name, or a beginning with *." />
          <div class="two">
            <Field label="How many devices" type="number" value={uses} set={setUses} required />
            <Choice label="Valid for" value={hours} set={setHours} of={[["1", "an hour"], ["24", "a day"], ["168", "a week"], ["720", "30 days"]]} />
          </div>
        </Form>
      )}
    </Opens>
  );
}
