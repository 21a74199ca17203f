// SPDX-License-Identifier: Apache-2.0
import { useState } from "preact/hooks";
import { logIn } from "./core/api";
import { Field, Form } from "./ui/forms";

export function Login() {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  document.title = "Log in · Kedge";
  return (
    <main class="login">
      <div class="card"><div class="in stack">
        <h1>Kedge</h1>
        <Form word="Log in" submit={() => logIn(name, password)}
          note={<p class="small muted">No user yet? An administrator makes one: <code>kedge user create NAME --role admin --password-stdin</code></p>}>
          <Field label="User name" value={name} set={setName} required autofocus />
          <Field label="Password" type="password" value={password} set={setPassword} required />
        </Form>
      </div></div>
    </main>
  );
}
