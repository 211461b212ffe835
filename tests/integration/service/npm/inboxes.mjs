// What Agent Inbox, Agent Chat UI and deep-agents-ui do with a paused run, in their own words to their own packages:
// a page with useStream of @langchain/langgraph-sdk. Bundled by esbuild and driven from outside in a real browser.
import { Client } from "@langchain/langgraph-sdk";
import { useStream } from "@langchain/langgraph-sdk/react";
import React from "react";
import { createRoot } from "react-dom/client";

const { apiUrl, apiKey, thread } = JSON.parse(decodeURIComponent(location.hash.slice(1)));
const client = new Client({ apiUrl, defaultHeaders: { "x-api-key": apiKey, "x-auth-scheme": "langsmith" } });
const shown = {};

function Chat() {
  const options = { client, assistantId: "coding", threadId: thread, fetchStateHistory: true, reconnectOnMount: true };
  shown.stream = useStream(options);
  return React.createElement("pre", null, JSON.stringify(shown.stream.messages));
}
createRoot(document.getElementById("page")).render(React.createElement(Chat));

async function until(what, holds) {
  for (let end = Date.now() + 30_000; !holds(); ) {
    if (Date.now() > end) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

// The action as a form in a browser sends it back: what was changed is text.
function edited(request, message) {
  const { arguments: args } = request.args;
  return { ...request.args, arguments: JSON.stringify({ ...args, message }) };
}

async function inbox(resume) {
  for await (const _ of client.runs.stream(thread, "coding", { command: { resume }, streamMode: "events" }));
}

async function chat(submitted, options) {
  await until("the interrupt", () => shown.stream.interrupt);
  await shown.stream.submit(submitted, options);
}

const acts = {
  "inbox accept": () => inbox([{ type: "accept", args: null }]),
  "inbox response": () => inbox([{ type: "response", args: "Use a branch." }]),
  "inbox edit": ({ name, ...request }) =>
    inbox([{ type: "edit", args: { action: name, args: edited(request, "mended") } }]),
  "inbox ignore": () => client.runs.create(thread, "coding", { command: { resume: [{ type: "ignore", args: null }] } }),
  "inbox resolve": () => client.threads.updateState(thread, { values: null, asNode: "__end__" }),
  "chat approve": () => chat({}, { command: { resume: { decisions: [{ type: "approve" }] } } }),
  "chat reject": () => chat({}, { command: { resume: { decisions: [{ type: "reject", message: "No." }] } } }),
  "chat edit": ({ name, ...request }) => {
    const edited_action = { name, args: edited(request, "mended") };
    return chat({}, { command: { resume: { decisions: [{ type: "edit", edited_action }] } } });
  },
  "chat resolve": () => chat({}, { command: { goto: "__end__" } }),
  "deep resolve": () => chat(null, { command: { goto: "__end__", update: null } }),
  // deep-agents-ui offers a decision where a message calls for a tool of the action's name.
  "deep approve": async ({ name }) => {
    await until("its call", () => shown.stream.messages.some((m) => m.tool_calls?.some((call) => call.name === name)));
    await chat(null, { command: { resume: { decisions: [{ type: "approve" }] } } });
  },
};

window.act = async (name) => {
  const [found] = await client.threads.search({ metadata: { graph_id: "coding" }, status: "interrupted", limit: 1 });
  const [[interrupt]] = Object.values(found.interrupts);
  await acts[name](interrupt.value.action_requests[0]);
  return found.thread_id;
};
window.acts = Object.keys(acts);
