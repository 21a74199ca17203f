// The AWS SDK for JavaScript behind a pipe: a line {"service", "operation", "input", "pages"} in, a line with the answer out.
//
//   {"answer": {...}}                          what the operation gave
//   {"items": [{...}, ...]}                    with "pages": every page that the SDK's own paginator gave
//   {"error": {"name", "message", "status", "requestId"}}
//
// Environment: KEDGE_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY. Times of an input are {"$time": seconds}.
// SPDX-License-Identifier: Apache-2.0
import { createInterface } from "node:readline";
import * as sagemaker from "@aws-sdk/client-sagemaker";
import * as edge from "@aws-sdk/client-sagemaker-edge";

const settings = {
  endpoint: process.env.KEDGE_URL,
  region: "eu-west-1",
  maxAttempts: 1,
  credentials: { accessKeyId: process.env.AWS_ACCESS_KEY_ID, secretAccessKey: process.env.AWS_SECRET_ACCESS_KEY },
};
const services = {
  sagemaker: { module: sagemaker, client: new sagemaker.SageMakerClient(settings) },
  "sagemaker-edge": { module: edge, client: new edge.SagemakerEdgeClient(settings) },
};

function revive(value) {
  if (Array.isArray(value)) return value.map(revive);
  if (value === null || typeof value !== "object") return value;
  if ("$time" in value) return new Date(value.$time * 1000);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, revive(member)]));
}

function withoutMetadata({ $metadata, ...answer }) {
  if (!$metadata.requestId) throw new Error("the answer has no request id");
  return answer;
}

async function run({ service, operation, input, pages }) {
  const { module, client } = services[service];
  if (pages) {
    const answers = [];
    const paginator = module[`paginate${operation}`]({ client, pageSize: pages }, revive(input));
    for await (const page of paginator) answers.push(withoutMetadata(page));
    return { items: answers };
  }
  return { answer: withoutMetadata(await client.send(new module[`${operation}Command`](revive(input)))) };
}

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    answer = await run(JSON.parse(line));
  } catch (error) {
    const status = error.$metadata?.httpStatusCode;
    answer = { error: { name: error.name, message: error.message, status, requestId: error.$metadata?.requestId } };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
