"""Models and a clock that do as a property test tells them."""

from dataclasses import dataclass, field

from domain import Plan, Step
from models import Message, ModelSettings, Question, Reply, Usage
from models.contract import book

PLAN = Plan(goal="g", steps=(Step(id="1", title="t"),))
ASK = (Message(role="user", content="Please."),)
SETTINGS = ModelSettings(max_tokens=100, timeout_s=60)


@dataclass
class Clock:
    """Time that passes only when somebody waits."""

    now: float = 1_000_000.0
    waits: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    async def pause(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


@dataclass
class Flaky:
    """Answers, or raises what is next in the list; after its end it answers for ever."""

    moods: list[Exception | None] = field(default_factory=list)
    name: str = "flaky"
    usage: Usage = field(default_factory=lambda: Usage(tokens_in=10, tokens_out=5, calls=1))
    pays: bool = False
    """Whether an answer that fails was paid for, too."""
    calls: int = 0
    patience: list[float] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    """What it was asked."""

    async def ask(self, question: Question):
        self.calls += 1
        self.heard += [message.content for message in question.messages]
        self.patience.append(question.settings.timeout_s)
        mood = self.moods.pop(0) if self.moods else None
        if mood is not None:
            if self.pays:
                book(self.usage)
            raise mood
        book(self.usage)
        if question.listener is not None:
            question.listener("{}")
        return Reply(value=PLAN if question.answer is Plan else question.answer(), model=self.name, usage=self.usage)
