// useStream of @langchain/react against a server: a task, its signature, and the thread in a browser that comes later.
//   node use_stream.mjs URL KEY
import { useStream } from "@langchain/react";
import React from "react";
import { create } from "react-test-renderer";

globalThis.IS_REACT_ACT_ENVIRONMENT = false;
const [apiUrl, apiKey] = process.argv.slice(2);
const task = { text: "sign it", repo: "/nowhere", accept: "true" };

function open(threadId) {
  const shown = {};
  function Page() {
    Object.assign(shown, { stream: useStream({ apiUrl, apiKey, assistantId: "coding", threadId }) });
    return null;
  }
  const page = create(React.createElement(Page));
  return { shown, close: () => page.unmount() };
}

async function until(what, holds) {
  const end = Date.now() + 30_000;
  while (!holds()) {
    if (Date.now() > end) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const first = open(null);
await until("a stream", () => first.shown.stream);
await first.shown.stream.submit({ task });
await until("an interrupt", () => first.shown.stream.interrupt && !first.shown.stream.isLoading);
const { threadId, interrupt, error } = first.shown.stream;
console.log(`waits: ${interrupt.value.approval_id ? "approval" : "?"} ${error ?? "well"}`);

const later = open(threadId);
await until("the interrupt in another page", () => later.shown.stream?.interrupt?.id === interrupt.id);
await later.shown.stream.respond({ decisions: [{ type: "approve" }] }, { interruptId: interrupt.id });
for (const page of [later, first]) {
  await until("the end", () => page.shown.stream.values.ending?.status === "delivered" && !page.shown.stream.isLoading);
  await until("its words", () => page.shown.stream.messages.length === 2);
  console.log(`ends: ${page.shown.stream.values.ending.status} ${page.shown.stream.messages.map((m) => m.getType())}`);
  console.log(`error: ${page.shown.stream.error ?? "none"}`);
}
console.log(`open: ${later.shown.stream.interrupts.length}`);
first.close();
later.close();
process.exit(0);
