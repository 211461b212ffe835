// LangGraph's JavaScript SDK (npm install @langchain/langgraph-sdk): start, watch, sign.  URL, KEY, LOGIN, REPO.
import { Client } from "@langchain/langgraph-sdk";

const [apiUrl, apiKey, login, repo] = process.argv.slice(2);
const client = new Client({ apiUrl, apiKey });
const person = new Client({ apiUrl, apiKey: login });

const { thread_id } = await client.threads.create({ metadata: { from: "the example" } });
const input = { task: { text: "Fix the failing test", repo } };
for await (const part of client.runs.stream(thread_id, "coding", { input, streamMode: "updates" })) {
  console.log(part.event, ...Object.keys(part.data ?? {}));
}
for (const question of (await client.threads.getState(thread_id)).tasks.flatMap((task) => task.interrupts)) {
  console.log("asks:", question.value.action_requests[0].name, question.value.tier);
  const command = { resume: { [question.id]: { decisions: [{ type: "approve" }] } } };
  const ended = await person.runs.wait(thread_id, "coding", { command });
  console.log(ended.ending.answer_markdown);
}
