// What this installation is: nodes, limits, storage, signing key and certificates.
// SPDX-License-Identifier: Apache-2.0
import { type Ask, call, may } from "../core/api";
import { count, time } from "../core/format";
import { useAll, useCall } from "../core/use";
import { CsvButton } from "../ui/charts";
import { Confirm } from "../ui/forms";
import { Await, Card, Facts, Mark, Page, Table, Time } from "../ui/parts";

function Signing() {
  const key = useCall("Kedge.DescribeSigningKey", {});
  const rotate = (Step: Ask<"Kedge.RotateSigningKey">["Step"]) => call("Kedge.RotateSigningKey", { Step }).then(key.again);
  return (
    <Card title="Signing key of packages">
      <Await of={key} lines={3}>{(k) => (
        <div class="stack">
          <Facts of={[["Rotation", <Mark state={k.Phase} />], ["Version of the roots", count(k.RootsVersion)]]} />
          <details><summary>Certificate that devices trust</summary><pre class="log" tabIndex={0}>{k.Certificate}</pre></details>
          {k.NextCertificate && <details><summary>The next one</summary><pre class="log" tabIndex={0}>{k.NextCertificate}</pre></details>}
          {may("admin") && k.Phase === "SETTLED" && <div><Confirm word="Prepare a new key" danger={false} title="Prepare a new signing key?" run={() => rotate("PREPARE")} effect="A new key is made and announced to devices; packages are signed with the present one until you activate it." /></div>}
          {may("admin") && k.Phase === "PREPARED" && <div><Confirm word="Activate the new key" title="Activate the new signing key?" run={() => rotate("ACTIVATE")} effect="Packages are signed with the new key from now on. Devices that have not heard of it yet refuse them until their next contact." /></div>}
          {may("admin") && k.Phase === "ACTIVATED" && <div><Confirm word="Retire the old key" title="Retire the old signing key?" run={() => rotate("RETIRE")} effect="Devices stop to trust the old key: packages that it signed are refused when they are installed anew." /></div>}
        </div>
      )}</Await>
    </Card>
  );
}

function EncryptionKeys() {
  const keys = useAll("Kedge.ListKeys", {}, (page) => page.Keys, 2);
  return (
    <Card title="Encryption keys of stored objects" flush>
      <Await of={keys} lines={2}>{(rows) => <Table label="Encryption keys" rows={rows} id={(k) => k.KeyId} empty={<div class="in muted">None: objects are stored as they come. A fleet's OutputConfig can name a key.</div>} columns={[
        { name: "Key", cell: (k) => <code>{k.Alias ?? k.KeyId}</code> }, { name: "Version", num: true, cell: (k) => count(k.Version) }, { name: "State", cell: (k) => <Mark state={k.KeyState} /> }, { name: "Made", cell: (k) => <Time at={k.CreationTime} /> }]} />}</Await>
    </Card>
  );
}

export default function Settings() {
  const server = useCall("Kedge.DescribeServer", {}, 10_000);
  return (
    <Page title="Settings" sub="Settings are given to kedge-server when it starts (docs/server.md); here is what counts now.">
      <Await of={server}>{(s) => (
        <div class="cards wide">
          <Card title="This installation"><Facts of={[["Version", s.Version], ["Database schema", count(s.SchemaVersion)], ["Region", s.Region], ["Account", s.Account], ["Server's clock", time(s.Time)]]} /></Card>
          <Card title="How much there is" flush><Table label="Counts" rows={s.Counts} id={(c) => c.Name} columns={[{ name: "What", cell: (c) => c.Name.replaceAll("_", " ") }, { name: "Count", num: true, cell: (c) => <span data-test={"count-" + c.Name}>{count(c.Count)}</span> }]} /></Card>
          <Card title="Nodes" flush more={<CsvButton name="nodes" rows={() => [["node", "address", "version"], ...s.Nodes.map((n) => [n.NodeId, n.Address, n.Version])]} />}><Table label="Nodes" rows={s.Nodes} id={(n) => n.NodeId} columns={[{ name: "Node", cell: (n) => <code>{n.NodeId.slice(0, 10)}</code> }, { name: "Address", cell: (n) => n.Address }, { name: "Version", cell: (n) => n.Version }, { name: "Started", cell: (n) => <Time at={n.StartTime} /> }, { name: "State", cell: (n) => <Mark state={n.Draining ? "STOPPING" : "ACTIVE"} /> }]} /></Card>
          <Card title="Quotas" flush><Table label="Quotas" rows={s.Quotas} id={(q) => q.Name} columns={[{ name: "Setting", cell: (q) => <code>--quota-{q.Name}</code> }, { name: "Limit", num: true, cell: (q) => count(q.Limit) }]} /></Card>
          <Card title="Retention"><Facts of={[["Events", "90 days"], ["Metrics", "minutes 2 days, hours 90 days, days 3 years"], ["Job logs", "the last 256 KiB of each job"], ["Audit log", "for ever"]]} /></Card>
          <Signing />
          <EncryptionKeys />
        </div>
      )}</Await>
    </Page>
  );
}
