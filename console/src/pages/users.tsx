// Users and access keys. For administrators.
// SPDX-License-Identifier: Apache-2.0
import { useState } from "preact/hooks";
import type { Kedge } from "../../generated/api_types";
import { type Ask, call, may, session } from "../core/api";
import { param, to } from "../core/router";
import { tell } from "../core/toast";
import { useAll } from "../core/use";
import { Choice, Confirm, Field, Form, Opens } from "../ui/forms";
import { Await, Card, CopyBox, Empty, Mark, Page, Table, Tabs, Time } from "../ui/parts";

type Role = Ask<"Kedge.CreateUser">["Role"];
const roles: [string, string][] = [["viewer", "Viewer: reads"], ["operator", "Operator: changes fleets, jobs, deployments"], ["admin", "Administrator: everything"]];
const fleetsOf = (text: string) => { const list = text.split(/[\s,]+/).filter(Boolean); return list.length ? { Fleets: list } : {}; };

function CreateUser({ done }: { done: () => void }) {
  const [name, setName] = useState(""), [role, setRole] = useState("viewer"), [password, setPassword] = useState(""), [fleets, setFleets] = useState("");
  const run = async () => { await call("Kedge.CreateUser", { UserName: name, Role: role as Role, Password: password, ...fleetsOf(fleets) }); tell(`User ${name} is there.`); done(); };
  return (
    <Opens word="Create a user" first>{(close) => (
      <Form word="Create user" cancel={close} submit={() => run().then(close)}>
        <Field label="User name" value={name} set={setName} required max={64} /><Choice label="Role" value={role} set={setRole} of={roles} />
        <Field label="Password" type="password" value={password} set={setPassword} required hint="12 to 256 characters." />
        <Field label="Only these fleets" value={fleets} set={setFleets} hint="Names, or beginnings with *; empty: all." />
      </Form>)}</Opens>
  );
}

function CreateKey({ done }: { done: () => void }) {
  const [role, setRole] = useState("operator"), [user, setUser] = useState(""), [note, setNote] = useState(""), [fleets, setFleets] = useState(""), [made, setMade] = useState("");
  const run = async () => {
    const key = await call("Kedge.CreateAccessKey", { Role: role as Role, ...(user ? { UserName: user } : fleetsOf(fleets)), ...(note ? { Description: note } : {}) });
    setMade(`export AWS_ACCESS_KEY_ID=${key.AccessKeyId}\nexport AWS_SECRET_ACCESS_KEY=${key.SecretAccessKey}\nexport AWS_REGION=us-east-1 AWS_ENDPOINT_URL=${location.origin}`);
    done();
  };
  return (
    <Opens word="Create an access key" first>{(close) => made ? (
      <div class="stack"><p>The secret is shown only here.</p><CopyBox text={made} /><div class="end row"><button type="button" class="button first" onClick={() => { setMade(""); close(); }}>Done</button></div></div>
    ) : (
      <Form word="Create key" cancel={close} submit={run}>
        <Choice label="Role" value={role} set={setRole} of={roles} /><Field label="User" value={user} set={setUser} hint="Empty: a program's key." />
        <Field label="Description" value={note} set={setNote} max={255} /><Field label="Only these fleets" value={fleets} set={setFleets} hint="A user's key has its user's fleets." />
      </Form>)}</Opens>
  );
}

function Users() {
  const users = useAll("Kedge.ListUsers", {}, (page) => page.UserSummaries);
  const enable = async (user: Kedge.UserSummary, Enabled: boolean) => { await call("Kedge.UpdateUser", { UserName: user.UserName, Enabled }); users.again(); };
  return (
    <Card title="Users" flush more={<CreateUser done={users.again} />}>
      <Await of={users}>{(rows) => <Table label="Users" rows={rows} id={(u) => u.UserName} empty={<Empty title="No user yet" />} columns={[
        { name: "User", cell: (u) => u.UserName }, { name: "Role", cell: (u) => u.Role }, { name: "Fleets", cell: (u) => u.Fleets?.join(", ") ?? "all" }, { name: "State", cell: (u) => <Mark state={u.Enabled ? "ACTIVE" : "STOPPED"} /> }, { name: "Last login", cell: (u) => <Time at={u.LastLoginTime} /> },
        { name: "", num: true, cell: (u) => u.UserName === session.value?.UserName ? <span class="muted">you</span> : <span class="row">
          <button type="button" class="button small" onClick={() => void enable(u, !u.Enabled).then(() => tell(`${u.UserName} is ${u.Enabled ? "disabled" : "enabled"}.`, () => void enable(u, u.Enabled)))}>{u.Enabled ? "Disable" : "Enable"}</button>
          <Confirm word="Delete" small title={`Delete user ${u.UserName}?`} run={() => call("Kedge.DeleteUser", { UserName: u.UserName }).then(users.again)} effect="Their sessions and access keys end at once." /></span> }]} />}</Await>
    </Card>
  );
}

function Keys() {
  const keys = useAll("Kedge.ListAccessKeys", {}, (page) => page.AccessKeySummaries);
  const enable = async (key: Kedge.AccessKeySummary, Enabled: boolean) => { await call("Kedge.UpdateAccessKey", { AccessKeyId: key.AccessKeyId, Enabled }); keys.again(); };
  return (
    <Card title="Access keys" flush more={<CreateKey done={keys.again} />}>
      <Await of={keys}>{(rows) => <Table label="Access keys" rows={rows} id={(k) => k.AccessKeyId} columns={[
        { name: "Key", cell: (k) => <code>{k.AccessKeyId}</code> }, { name: "Whose", cell: (k) => k.UserName ?? k.Description ?? "a program" }, { name: "Role", cell: (k) => k.Role }, { name: "Fleets", cell: (k) => k.Fleets?.join(", ") ?? "all" }, { name: "State", cell: (k) => <Mark state={k.Enabled ? "ACTIVE" : "STOPPED"} /> },
        { name: "Used", cell: (k) => <Time at={k.LastUsedTime} /> }, { name: "Ends", cell: (k) => (k.ExpirationTime ? <Time at={k.ExpirationTime} /> : "–") },
        { name: "", num: true, cell: (k) => <span class="row"><button type="button" class="button small" onClick={() => void enable(k, !k.Enabled).catch((e: Error) => tell(e.message))}>{k.Enabled ? "Disable" : "Enable"}</button>
          <Confirm word="Delete" small title={`Delete key ${k.AccessKeyId}?`} run={() => call("Kedge.DeleteAccessKey", { AccessKeyId: k.AccessKeyId }).then(keys.again)} effect="Requests signed with it are refused at once on this node, within 2 seconds on others." /></span> }]} />}</Await>
    </Card>
  );
}

export default function UsersAndKeys() {
  if (!may("admin")) return <Page title="Users and keys"><p>Only administrators see this.</p></Page>;
  const tab = param("tab") || "users";
  return (
    <Page title="Users and keys" sub="Roles: a viewer reads; an operator changes fleets, devices, jobs and deployments; an administrator also changes users and keys.">
      <Tabs now={tab} of={[["users", "Users"], ["keys", "Access keys"]]} url={(t) => to("users", { tab: t === "users" ? "" : t })} />
      {tab === "keys" ? <Keys /> : <Users />}
    </Page>
  );
}
