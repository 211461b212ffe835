"""What the tests on the wire have in common."""

from pydantic import SecretStr

from domain import CodeChange, NewFile, Plan, Step
from models import Message, ModelSettings, Question
from models.clients import ModelEndpoint
from models.clients.chat import open_chat
from tests.wire.openai_server import OpenAIServer

PLAN = Plan(goal="Fix it", steps=(Step(id="1", title="Look"),))
CHANGE = CodeChange(files_to_create=(NewFile(path="a.py", content="x = 'ü'\n"),), notes="done")
SYSTEM = Message(role="system", content="You plan.")
ASK = (SYSTEM, Message(role="user", content="Please."))
QUICK = ModelSettings(temperature=0.3, max_tokens=1_024, timeout_s=10)
KEY = "sk-canary-4711"


def at(server: OpenAIServer, key: str | None = None) -> ModelEndpoint:
    return ModelEndpoint(base_url=server.base_url, model="fake-model", api_key=SecretStr(key) if key else None)


async def ask(server: OpenAIServer, answer=Plan, *, settings=QUICK, heard=None, key=None):
    async with open_chat(at(server, key)) as chat:
        return await chat.ask(Question(ASK, answer, settings=settings, listener=heard))
