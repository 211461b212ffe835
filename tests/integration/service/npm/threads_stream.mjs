// client.threads.stream() of @langchain/langgraph-sdk against a server: values, our events, an interrupt, its answer.
//   node threads_stream.mjs URL KEY
import { Client } from "@langchain/langgraph-sdk";

const [apiUrl, apiKey] = process.argv.slice(2);
const client = new Client({ apiUrl, apiKey });
const thread = client.threads.stream({ assistantId: "coding" });
const kinds = new Set();
thread.onEvent((event) => kinds.add(event.method));
const nodes = thread.extensions.node_started;
await thread.run.start({ input: { task: { text: "sign it", repo: "/nowhere", accept: "true" } } });
for await (const _ of await thread.subscribe("values")) if (thread.interrupted) break;
while (!thread.interrupts.length) await new Promise((resolve) => setTimeout(resolve, 20));
const [asked] = thread.interrupts;
console.log(`waits: ${asked.payload.approval_id ? "approval" : "?"}`);
const answer = { namespace: asked.namespace, interrupt_id: asked.interruptId };
const ended = new Promise((resolve) =>
  thread.onEvent((event) => {
    if (event.method === "values" && event.params.data.ending) resolve(event.params.data.ending.status);
  }),
);
await thread.input.respond({ ...answer, response: { decisions: [{ type: "approve" }] } });
console.log(`ends: ${await ended}`);
const started = [];
for await (const event of nodes) started.push(event.node);
console.log(`nodes: ${started.includes("execute")}`);
console.log(`kinds: ${["custom", "input.requested", "lifecycle", "values"].every((kind) => kinds.has(kind))}`);
try {
  await thread.input.respond({ ...answer, response: "again" });
} catch (error) {
  console.log(`again: ${error.code}`);
}
await thread.close();
process.exit(0);
