"""Ten turns of a coder's conversation with our own prompts, and how much of them a prefix cache served.

The conversation is made by who makes it in a run: the coder's prompt opens it, and after each change the
real ``observe`` node adds what it saw.
"""

from dataclasses import dataclass
from pathlib import Path

from domain import CodeChange, CommandRun, Plan, Step, Task
from domain.evidence import Evidence, Output
from domain.progress import Attempt
from models import Message, ModelSettings, Question
from models.clients import ModelEndpoint
from models.clients.chat import open_chat
from models.dialects import single
from models.prompts import PromptFiles
from models.routing import load_catalogue
from nodes import prompts
from nodes._models import as_json
from nodes.observe import Observer
from sandbox import Snapshot

ROOT = Path(__file__).parents[3]
TURNS = 10
FILES = ("domain/action.py", "domain/events.py", "domain/decision.py")
STEP = Step(id="1", title="Correct the sum")
PLAN = Plan(goal="The sum is right", steps=(STEP,))
HERE = Snapshot(tree="0" * 40, full="0" * 40, commit="0" * 40)


async def opening() -> tuple[Message, ...]:
    """What the coder is told first, with real files as the context."""
    context = "\n\n".join(f"{name}\n{(ROOT / name).read_text(encoding='utf-8')}" for name in FILES)
    return await PromptFiles(prompts=prompts("execute")).render(
        "run",
        expert=load_catalogue().expert("code_python").prompt,
        tools="",
        context=context,
        task="The sum is wrong.",
        plan=PLAN,
        accept="pytest -q",
        baseline="1 failed",
        changed="",
        step=STEP,
        form=single.instructions(),
    )


@dataclass(slots=True)
class Talk:
    """What a coder was told and said so far, and the evidence that the run has."""

    said: tuple[Message, ...]
    observer: Observer
    evidence: tuple[Evidence, ...] = ()
    turns: int = 0

    @classmethod
    async def opened(cls) -> "Talk":
        observe, result = (PromptFiles(prompts=prompts(name)) for name in ("observe", "result"))
        return cls(await opening(), Observer(prompt=observe, result=result))

    async def seen(self, change: CodeChange) -> None:
        """Go on with what ``observe`` makes of a change that was tried and failed."""
        turn, self.turns = self.turns, self.turns + 1
        output = f"E   assert {turn} == 6\n{turn + 1} failed, 3 passed in 0.0{turn} s".encode()
        run = CommandRun(command="pytest -q", ended="exit", code=1, stdout=Output(tail=output))
        update = await self.observer(
            {
                "run": "run",
                "task": Task(text="The sum is wrong.", repo="/repository", accept="pytest -q"),
                "baseline": CommandRun(command="pytest -q", ended="exit", code=0),
                "plan": PLAN,
                "attempts": (Attempt(step="1", number=turn + 1, change=change, runs=(run,)),),
                "evidence": self.evidence,
                "done": (),
                "snapshot": HERE,
                "good": HERE,
                "tries": turn,
                "transcript": (*self.said, Message(role="assistant", content=as_json(change))),
            }
        )
        self.said, self.evidence = update["transcript"], update["evidence"]


async def prefix_cache_share(base_url: str, model: str) -> float:
    """Share of the prompt tokens of the turns after the first that came from the server's cache."""
    talk, read, cached = await Talk.opened(), 0, 0
    async with open_chat(ModelEndpoint(base_url=base_url, model=model)) as chat:
        for turn in range(TURNS):
            reply = await chat.ask(
                Question(talk.said, CodeChange, settings=ModelSettings(temperature=0.2, max_tokens=400))
            )
            if turn:
                read, cached = read + reply.usage.tokens_in, cached + reply.usage.tokens_cached
            await talk.seen(reply.value)
    return cached / read
