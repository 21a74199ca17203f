// The feed of events and, for administrators, the audit log.
// SPDX-License-Identifier: Apache-2.0
import { useState } from "preact/hooks";
import type { Kedge } from "../../generated/api_types";
import { type Ask, call, may } from "../core/api";
import { count, time } from "../core/format";
import { overview } from "../core/live";
import { param, setParams, to } from "../core/router";
import { useCall } from "../core/use";
import { CsvButton } from "../ui/charts";
import { Choice, Field } from "../ui/forms";
import { Await, Card, DeviceLink, Empty, FleetLink, Mark, Page, Table, Tabs, Time } from "../ui/parts";

const kinds = ["FleetCreated", "FleetDeleted", "DevicesRegistered", "DeviceEnrolled", "JobQueued", "JobEnded", "PlanCreated", "StageStarted", "StageStopped", "StageDeployed", "StageFailed", "DeploymentFailed", "ModelVersionCreated", "ModelVersionUpdated", "DeviceCommandFailed", "KeyRotated", "EnrolmentRefused", "CertificateRevoked"];

function Feed() {
  const request = { SortOrder: "Descending" as const, MaxResults: 100, ...(param("kind") ? { Kind: param("kind") as Kedge.Event["Kind"] } : {}), ...(param("severity") ? { Severity: param("severity") as Kedge.Event["Severity"] } : {}), ...(param("fleet") ? { DeviceFleetName: param("fleet") } : {}), ...(param("resource") ? { ResourceContains: param("resource") } : {}) };
  const page = useCall("Kedge.ListEvents", request);
  const [older, setOlder] = useState<{ key: string; rows: Kedge.Event[]; token?: string }>({ key: "", rows: [] });
  const key = JSON.stringify(request);
  const more = older.key === key ? older : { key, rows: [], token: page.data?.NextToken };
  const next = () => void call("Kedge.ListEvents", { ...request, NextToken: more.token }).then((p) => setOlder({ key, rows: [...more.rows, ...p.Events], token: p.NextToken }));
  return (
    <>
      <div class="filters">
        <Choice label="Kind" value={param("kind")} set={(kind) => setParams({ kind })} of={[["", "All kinds"], ...kinds.map((k): [string, string] => [k, k])]} />
        <Choice label="Severity" value={param("severity")} set={(severity) => setParams({ severity })} of={[["", "All"], ["INFO", "Info"], ["WARNING", "Warning"], ["ERROR", "Error"]]} />
        <Choice label="Fleet" value={param("fleet")} set={(fleet) => setParams({ fleet })} of={[["", "All fleets"], ...(overview.value?.Fleets.map((f): [string, string] => [f.DeviceFleetName, f.DeviceFleetName]) ?? [])]} />
        <Field label="Resource contains" type="search" value={param("resource")} set={(text) => setParams({ resource: text.replace(/[^a-zA-Z0-9:/.-]/g, "") })} grow />
      </div>
      <Card title="Events" flush more={<CsvButton name="events" rows={() => [["time", "severity", "kind", "fleet", "device", "actor", "message"], ...[...(page.data?.Events ?? []), ...more.rows].map((e) => [time(e.Time), e.Severity, e.Kind, e.DeviceFleetName, e.DeviceName, e.Actor, e.Message])]} />}>
        <Await of={page}>{(p) => <Table label="Events" rows={[...p.Events, ...more.rows]} id={(e) => e.EventId} empty={<Empty title="No such event" />} columns={[
          { name: "When", cell: (e) => <Time at={e.Time} /> }, { name: "Severity", cell: (e) => <Mark state={e.Severity} /> }, { name: "Event", cell: (e) => e.Kind }, { name: "What", cell: (e) => e.Message ?? "" },
          { name: "Where", cell: (e) => (e.DeviceName && e.DeviceFleetName ? <DeviceLink fleet={e.DeviceFleetName} name={e.DeviceName} /> : e.DeviceFleetName ? <FleetLink name={e.DeviceFleetName} /> : <span class="small muted wrap">{e.Resource}</span>) }, { name: "Who", cell: (e) => e.Actor ?? "server" }]} />}</Await>
        {more.token && <p class="in"><button type="button" class="button" onClick={next}>Older</button></p>}
      </Card>
    </>
  );
}

function Audit() {
  const request = { MaxResults: 100, SortOrder: "Descending", ...(param("who") ? { Principal: param("who") } : {}), ...(param("op") ? { Operation: param("op") } : {}) } as Ask<"Kedge.ListAuditRecords">;
  const page = useCall("Kedge.ListAuditRecords", request);
  return (
    <>
      <div class="filters"><Field label="Principal" value={param("who")} set={(who) => setParams({ who })} placeholder="user/ann" /><Field label="Operation" value={param("op")} set={(op) => setParams({ op })} placeholder="CreateDeviceFleet" /></div>
      <Card title="Audit log" flush more={<CsvButton name="audit" rows={() => [["number", "time", "principal", "role", "operation", "resource", "result", "source", "hash"], ...(page.data?.AuditRecords ?? []).map((r) => [r.Number, time(r.Time / 1000), r.Principal, r.Role, r.Operation, r.Resource, r.Result, r.Source, r.Hash])]} />}>
        <Await of={page}>{(p) => <Table label="Audit records" rows={p.AuditRecords} id={(r) => String(r.Number)} empty={<Empty title="No such record" />} columns={[
          { name: "#", num: true, cell: (r) => count(r.Number) }, { name: "When", cell: (r) => <Time at={r.Time / 1000} /> }, { name: "Who", cell: (r) => `${r.Principal} (${r.Role || "–"})` }, { name: "Operation", cell: (r) => r.Operation }, { name: "On", cell: (r) => r.Resource },
          { name: "Result", cell: (r) => (r.Result === "OK" ? "OK" : <b>{r.Result}</b>) }, { name: "From", cell: (r) => r.Source }, { name: "Hash", cell: (r) => <code title={r.Hash}>{r.Hash.slice(0, 12)}</code> }]} />}</Await>
      </Card>
      <p class="small muted">Each record holds the hash of the one before. <code>kedge audit verify</code> checks the chain.</p>
    </>
  );
}

export default function Events() {
  const tab = param("tab") === "audit" && may("admin") ? "audit" : "feed";
  return (
    <Page title="Events and audit">
      {may("admin") && <Tabs now={tab} of={[["feed", "Events"], ["audit", "Audit log"]]} url={(t) => to("activity", { tab: t === "feed" ? "" : t })} />}
      {tab === "audit" ? <Audit /> : <Feed />}
    </Page>
  );
}
