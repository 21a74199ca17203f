// Calls of the API with the console's session. Types come from the descriptions in api/operations/.
// SPDX-License-Identifier: Apache-2.0
import { signal } from "@preact/signals";
import type { Operations } from "../../generated/api_types";

export type Operation = keyof Operations;
export type Ask<K extends Operation> = Operations[K]["request"];
export type Answer<K extends Operation> = Operations[K]["answer"];

export interface Session {
  UserName: string;
  Role: "viewer" | "operator" | "admin";
  CsrfToken: string;
}

/** undefined: not known yet; null: nobody is logged in. */
export const session = signal<Session | null | undefined>(undefined);

export class ApiError extends Error {
  constructor(readonly status: number, readonly code: string, message: string) {
    super(message);
  }
}

async function errorOf(response: Response): Promise<ApiError> {
  let code = "HTTP " + response.status;
  let message = response.statusText || "the server gave no reason";
  try {
    const body = await response.json();
    code = String(body.__type ?? code).replace(/^.*#/, "");
    message = String(body.message ?? body.Message ?? message);
  } catch {
    // Not JSON: the status says it.
  }
  return new ApiError(response.status, code, message);
}

async function fetched(url: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, { credentials: "same-origin", ...init });
  } catch {
    throw new ApiError(0, "Unreachable", "The server does not answer.");
  }
  if (response.ok) return response;
  const error = await errorOf(response);
  if (error.code === "ExpiredTokenException") session.value = null;
  throw error;
}

export async function call<K extends Operation>(operation: K, request: Ask<K>, signal?: AbortSignal): Promise<Answer<K>> {
  const response = await fetched("/", {
    method: "POST",
    headers: {
      "Content-Type": "application/x-amz-json-1.1",
      "X-Amz-Target": operation,
      "X-Kedge-Csrf": session.value?.CsrfToken ?? "",
    },
    body: JSON.stringify(request),
    signal,
  });
  const text = await response.text();
  return (text ? JSON.parse(text) : {}) as Answer<K>;
}

/** All pages of a list, at most `most` of them. */
export async function callAll<K extends Operation>(
  operation: K, request: Ask<K>, most = 20): Promise<Answer<K>[]> {
  const pages: Answer<K>[] = [];
  let token: string | undefined;
  do {
    const page = await call(operation, token ? { ...request, NextToken: token } : request);
    pages.push(page);
    token = (page as { NextToken?: string }).NextToken;
  } while (token && pages.length < most);
  return pages;
}

export async function logIn(UserName: string, Password: string): Promise<void> {
  const response = await fetched("/session", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ UserName, Password }),
  });
  session.value = (await response.json()) as Session;
}

export async function whoIsThere(): Promise<void> {
  const response = await fetch("/session?quiet", { credentials: "same-origin" }).catch(() => null);
  session.value = response?.ok && response.status === 200 ? ((await response.json()) as Session) : null;
}

export async function logOut(): Promise<void> {
  await fetched("/session", { method: "DELETE", headers: { "X-Kedge-Csrf": session.value?.CsrfToken ?? "" } });
  session.value = null;
}

const ranks = { viewer: 0, operator: 1, admin: 2 };
/** Whether the user's role allows it; what is not allowed is not offered. */
export function may(role: Session["Role"]): boolean {
  return session.value != null && ranks[session.value.Role] >= ranks[role];
}

// -- objects ---------------------------------------------------------------------------------------------------------------

const partBytes = 8 << 20;
const headers = () => ({ "X-Kedge-Csrf": session.value?.CsrfToken ?? "" });

export function objectUrl(uri: string): string {
  const [bucket = "", ...key] = uri.replace(/^s3:\/\//, "").split("/");
  return "/console/objects/" + [bucket, ...key].map(encodeURIComponent).join("/");
}

async function ensureBucket(bucket: string): Promise<void> {
  const list = await (await fetched("/console/objects/", {})).text();
  if (list.includes(`<Name>${bucket}</Name>`)) return;
  await fetched(objectUrl(`s3://${bucket}`), { method: "PUT", headers: headers() });
}

/** Puts a file into the object store, in parts if it is long. */
export async function upload(uri: string, file: Blob, progress: (sent: number) => void): Promise<void> {
  await ensureBucket(uri.replace(/^s3:\/\//, "").split("/")[0] ?? "");
  const url = objectUrl(uri);
  if (file.size <= partBytes) {
    await fetched(url, { method: "PUT", headers: headers(), body: file });
    return progress(file.size);
  }
  const begun = await (await fetched(url + "?uploads", { method: "POST", headers: headers() })).text();
  const id = /<UploadId>([^<]+)<\/UploadId>/.exec(begun)?.[1] ?? "";
  let parts = "";
  for (let number = 1, at = 0; at < file.size; ++number, at += partBytes) {
    const part = await fetched(`${url}?partNumber=${number}&uploadId=${encodeURIComponent(id)}`,
      { method: "PUT", headers: headers(), body: file.slice(at, at + partBytes) });
    parts += `<Part><PartNumber>${number}</PartNumber><ETag>${part.headers.get("ETag")}</ETag></Part>`;
    progress(Math.min(at + partBytes, file.size));
  }
  await fetched(`${url}?uploadId=${encodeURIComponent(id)}`,
    { method: "POST", headers: headers(), body: `<CompleteMultipartUpload>${parts}</CompleteMultipartUpload>` });
}

export async function readObject(uri: string): Promise<ArrayBuffer> {
  return (await fetched(objectUrl(uri), {})).arrayBuffer();
}
