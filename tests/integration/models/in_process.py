"""Run in the environment that has torch: ask the tiny model in this process, and print what came of it."""

import asyncio
import json
import sys

from domain import Plan, SignoffError
from models import Message, ModelSettings, Question
from models.clients import ModelEndpoint
from models.clients.huggingface import open_local
from models.routing import load_catalogue
from tests.worlds.role_models import open_models

ASK = (Message(role="system", content="You plan changes."), Message(role="user", content="The sum is wrong."))


async def failure(model, messages, answer, settings) -> list[object]:
    try:
        await model.ask(Question(messages, answer, settings=settings))
    except SignoffError as error:
        return [error.stable_code, getattr(error, "max_tokens", None)]
    return ["answered", None]


async def main(folder: str) -> None:
    heard: list[str] = []
    async with open_models(ModelEndpoint(base_url="local:", model=folder), catalogue=load_catalogue()) as models:
        coder = models["coder"]
        reply = await coder.ask(
            Question(ASK, str, settings=ModelSettings(temperature=2, max_tokens=60), listener=heard.append)
        )
        told = {
            "model": reply.model,
            "finish": reply.finish,
            "tokens": [reply.usage.tokens_in, reply.usage.tokens_out],
            "first_before_last": (reply.first_token_ms or 0) < reply.latency_ms,
            "pieces": len(heard),
            "heard": "".join(heard).strip() == reply.value,
            "nonsense": await failure(coder, ASK, Plan, ModelSettings(max_tokens=16)),
        }
    async with open_local(folder) as bare:
        told["too_long"] = await failure(bare, ASK, str, ModelSettings(max_tokens=9_000))
    try:
        async with open_models(ModelEndpoint(base_url="local:", model=f"{folder}-gone"), catalogue=load_catalogue()):
            pass
    except SignoffError as error:
        told["gone"] = error.stable_code
    print(json.dumps(told))  # noqa: T201  this is its answer


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
