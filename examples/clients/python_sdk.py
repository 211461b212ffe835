"""LangGraph's Python SDK: start a run, watch it, sign what it asks for.  URL, KEY, LOGIN, REPO as arguments."""

import asyncio
import sys

from langgraph_sdk import get_client


async def main(url: str, key: str, login: str, repo: str) -> None:
    async with get_client(url=url, api_key=key) as client, get_client(url=url, api_key=login) as person:
        thread = await client.threads.create(metadata={"from": "the example"})
        task = {"text": "Fix the failing test", "repo": repo}
        async for part in client.runs.stream(thread["thread_id"], "coding", input={"task": task}, stream_mode="updates"):
            print(part.event, *(part.data or {}))
        for question in (await client.threads.get_state(thread["thread_id"]))["interrupts"]:
            print("asks:", question["value"]["action_requests"][0]["name"], question["value"]["tier"])
            answer = {"resume": {question["id"]: {"decisions": [{"type": "approve"}]}}}
            ended = await person.runs.wait(thread["thread_id"], "coding", command=answer)
            print(ended["ending"]["answer_markdown"])


asyncio.run(main(*sys.argv[1:]))
