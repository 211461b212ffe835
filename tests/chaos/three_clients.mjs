// Three of LangGraph's JavaScript clients while their server dies and comes back.  URL, KEY.
import { Client } from "@langchain/langgraph-sdk";

const [apiUrl, apiKey] = process.argv.slice(2);
const client = new Client({ apiUrl, apiKey });
const input = { task: { text: "do it", repo: "/nowhere", accept: "true" } };
const thread = async () => (await client.threads.create()).thread_id;

async function waits() {
  const id = await thread();
  const said = await client.runs.wait(id, "coding", { input }).catch((error) => `${error.name}: ${error.message}`);
  const [run] = await client.runs.list(id);
  return { said, ending: (await client.runs.join(id, run.run_id)).ending.status };
}

async function joins() {
  const id = await thread();
  const run = await client.runs.create(id, "coding", { input });
  return (await client.runs.join(id, run.run_id)).ending.status;
}

async function hears(parts) {
  const heard = [];
  for await (const part of parts) heard.push([part.id ?? "", part.event, ...Object.keys(part.data ?? {})]);
  return heard;
}

async function streams() {
  return hears(client.runs.stream(await thread(), "coding", { input, streamMode: "updates" }));
}

async function joinsStream() {
  const id = await thread();
  const run = await client.runs.create(id, "coding", { input, streamMode: "updates" });
  return hears(client.runs.joinStream(id, run.run_id, { streamMode: "updates" }));
}

const [waited, joined, streamed, joinedStream] = await Promise.all([waits(), joins(), streams(), joinsStream()]);
console.log(JSON.stringify({ waited, joined, streamed, joinedStream }));
