// SPDX-License-Identifier: Apache-2.0
import { effect } from "@preact/signals";
import { render } from "preact";
import { App } from "./app";
import { session, whoIsThere } from "./core/api";
import { listen, stop } from "./core/live";
import { followLinks } from "./core/router";

addEventListener("click", followLinks);
let user: string | undefined;
effect(() => {
  const now = session.value?.UserName;
  if (now === user) return;
  user = now;
  now ? listen() : stop();
});
void whoIsThere();
const root = document.getElementById("app");
if (root) render(<App />, root);
