// Every method of @langchain/langgraph-sdk, called against a server; prints what was wrong with each as JSON.
//   node methods.mjs URL KEY
import { Client } from "@langchain/langgraph-sdk";

const [apiUrl, apiKey] = process.argv.slice(2);
const client = new Client({ apiUrl, apiKey, callerOptions: { maxRetries: 0 } });
const input = { task: { text: "do it", repo: "/nowhere", accept: "true" } };
const words = { messages: [{ role: "user", content: "more" }] };
const schedule = "0 3 * * *";
const config = { configurable: { repo: "/shop", accept: "true" } };

const thread = async () => {
  const made = await client.threads.create({ metadata: { of: "clients" } });
  await client.runs.wait(made.thread_id, "coding", { input });
  return made.thread_id;
};
const run = async () => {
  const made = await thread();
  return [made, (await client.runs.list(made))[0].run_id];
};
const waiting = async () => {
  const made = (await client.threads.create()).thread_id;
  return [made, (await client.runs.create(made, "coding", { input, afterSeconds: 60 })).run_id];
};
const assistant = async () => (await client.assistants.create({ graphId: "coding", config, name: "shop" })).assistant_id;
const cron = async () => (await client.crons.create("coding", { schedule, input })).cron_id;
const item = () => client.store.putItem(["notes"], "a", { text: "restart the payment service" });
const all = async (parts) => {
  const heard = [];
  for await (const part of parts) heard.push(part);
  return heard;
};
const gone = async (look) => {
  try {
    return (await look()) == null;
  } catch (error) {
    return String(error.message).includes("404");
  }
};
const status = async ([made, id]) => (await client.runs.get(made, id)).status === "interrupted";

const calls = {
  "assistants.get": () => client.assistants.get("coding"),
  "assistants.getGraph": () => client.assistants.getGraph("coding"),
  "assistants.getSchemas": () => client.assistants.getSchemas("coding"),
  "assistants.getSubgraphs": () => client.assistants.getSubgraphs("coding"),
  "assistants.create": assistant,
  "assistants.update": async () => (await client.assistants.update(await assistant(), { name: "x" })).version === 2,
  "assistants.delete": async () => {
    const made = await assistant();
    await client.assistants.delete(made);
    return gone(() => client.assistants.get(made));
  },
  "assistants.search": () => client.assistants.search({ graphId: "coding" }),
  "assistants.count": () => client.assistants.count(),
  "assistants.getVersions": async () => client.assistants.getVersions(await assistant()),
  "assistants.setLatest": async () => {
    const made = await assistant();
    await client.assistants.update(made, { name: "x" });
    return (await client.assistants.setLatest(made, 1)).name === "shop";
  },
  "threads.get": async () => client.threads.get(await thread()),
  "threads.create": () => client.threads.create(),
  "threads.copy": async () => client.threads.copy(await thread()),
  "threads.update": async () => client.threads.update(await thread(), { metadata: { a: 1 } }),
  "threads.delete": async () => {
    const made = await thread();
    await client.threads.delete(made);
    return gone(() => client.threads.get(made));
  },
  "threads.prune": async () => client.threads.prune([await thread()]),
  "threads.search": async () => (await thread()) && client.threads.search({ metadata: { of: "clients" } }),
  "threads.count": async () => (await thread()) && client.threads.count({ metadata: { of: "clients" } }),
  "threads.getState": async () => client.threads.getState(await thread()),
  "threads.updateState": async () => client.threads.updateState(await thread(), { values: words }),
  "threads.patchState": async () => {
    const made = await thread();
    await client.threads.patchState(made, { a: 2 });
    return (await client.threads.get(made)).metadata.a === 2;
  },
  "threads.getHistory": async () => client.threads.getHistory(await thread()),
  "threads.joinStream": async () => all(client.threads.joinStream(await thread())),
  "threads.stream": async () => {
    const stream = client.threads.stream({ assistantId: "coding" });
    await stream.run.start({ input });
    const ended = (await stream.output).ending.status === "delivered";
    await stream.close();
    return ended;
  },
  "runs.stream": () => all(client.runs.stream(null, "coding", { input, streamMode: ["values", "events"] })),
  "runs.create": () => client.runs.create(null, "coding", { input }),
  "runs.createBatch": () => client.runs.createBatch([{ assistantId: "coding", input }]),
  "runs.wait": () => client.runs.wait(null, "coding", { input }),
  "runs.list": async () => client.runs.list(await thread()),
  "runs.get": async () => client.runs.get(...(await run())),
  "runs.cancel": async () => {
    const made = await waiting();
    await client.runs.cancel(...made, true);
    return status(made);
  },
  "runs.cancelMany": async () => {
    const made = await waiting();
    await client.runs.cancelMany({ threadId: made[0], runIds: [made[1]] });
    return status(made);
  },
  "runs.join": async () => client.runs.join(...(await run())),
  "runs.joinStream": async () => all(client.runs.joinStream(...(await run()))),
  "runs.delete": async () => {
    const made = await run();
    await client.runs.delete(...made);
    return gone(() => client.runs.get(...made));
  },
  "crons.createForThread": async () => client.crons.createForThread(await thread(), "coding", { schedule, input: words }),
  "crons.create": cron,
  "crons.update": async () => (await client.crons.update(await cron(), { enabled: false })).enabled === false,
  "crons.delete": async () => (await client.crons.delete(await cron())) ?? true,
  "crons.search": async () => (await cron()) && client.crons.search(),
  "crons.count": async () => (await cron()) && client.crons.count(),
  "store.putItem": async () => (await item()) ?? true,
  "store.getItem": async () => {
    await item();
    return (await client.store.getItem(["notes"], "a")).value;
  },
  "store.deleteItem": async () => {
    await item();
    await client.store.deleteItem(["notes"], "a");
    return gone(() => client.store.getItem(["notes"], "a"));
  },
  "store.searchItems": async () => {
    await item();
    return (await client.store.searchItems(["notes"], { query: "payment" })).items;
  },
  "store.listNamespaces": async () => {
    await item();
    return (await client.store.listNamespaces()).namespaces;
  },
};

const results = {};
for (const part of ["assistants", "threads", "runs", "crons", "store"]) {
  for (const name of Object.getOwnPropertyNames(Object.getPrototypeOf(client[part]))) {
    if (name === "constructor" || name.startsWith("_")) continue;
    const method = `${part}.${name}`;
    try {
      const late = new Promise((_, no) => setTimeout(() => no(new Error("no answer")), 30_000).unref());
      const answer = await Promise.race([calls[method](), late]);
      const nothing = answer == null || answer === false || answer === 0 || answer.length === 0;
      results[method] = nothing ? `it gave ${JSON.stringify(answer)}` : "";
    } catch (error) {
      results[method] = String(error?.message ?? error).slice(0, 200);
    }
  }
}
console.log(JSON.stringify(results));
process.exit(0);
