"""Ten turns of a coder's conversation with our own prompts, and how much of them a prefix cache served."""

from pathlib import Path

from domain import CodeChange, Plan, Step
from models import Endpoint, Message, Prompt, Settings, load_catalogue
from models.chat import opened

ROOT = Path(__file__).parents[3]
TURNS = 10
FILES = ("domain/failures.py", "domain/limits.py", "models/retry.py", "models/fallback.py")
STEP = Step(id="1", title="Correct the sum")


def opening() -> tuple[Message, ...]:
    """What the coder is told first, with real files as the context."""
    context = "\n\n".join(f"{name}\n{(ROOT / name).read_text(encoding='utf-8')}" for name in FILES)
    return Prompt.load(ROOT / "nodes" / "execute.md").render(
        expert=load_catalogue().expert("code_python").prompt, context=context, task="The sum is wrong.",
        plan=Plan(goal="The sum is right", steps=(STEP,)), accept="pytest -q", baseline="1 failed", step=STEP,
    )  # fmt: skip


async def prefix_cache_share(base_url: str, model: str) -> float:
    """Share of the prompt tokens of the turns after the first that came from the server's cache."""
    talk, read, cached = list(opening()), 0, 0
    async with opened(Endpoint(base_url=base_url, model=model)) as chat:
        for turn in range(TURNS):
            reply = await chat.ask(talk, CodeChange, settings=Settings(temperature=0.2, max_tokens=400))
            if turn:
                read, cached = read + reply.usage.tokens_in, cached + reply.usage.tokens_cached
            talk += [
                Message(role="assistant", content="{}"),
                Message(role="user", content=f"Your change was applied. $ pytest -q\nexit code 1\n{turn} failed"),
            ]
    return cached / read
