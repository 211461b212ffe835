"""Dialogue probe: in which dialect a model can work turn by turn, tried in a short real dialogue with a long prompt.

One call proves little: many a model calls one tool that it has to call, and loses the thread when a file comes back.
So it gets a small repository to correct: it opens a file, reads it, edits it and says that it is done, first with
tools; where that fails, in fenced blocks; where that fails, too, it can only answer once (``single``).
"""

import json
import time
from dataclasses import dataclass, field, replace
from typing import Literal
from urllib.parse import urlsplit

from domain import ContextTooLong, SignoffError
from domain.coder import CoderAction, DoneAction, EditAction, EditBlock, OpenAction
from domain.text import python_tree
from models.clients.chat import open_chat
from models.clients.contract import ModelEndpoint
from models.clients.probe import Dialogue, Probe, probe
from models.contract import Message, Model, ModelSettings, Question, Reply, Tool, metered
from models.dialects import text, tools
from models.dialects.reading import Reading

TURNS, FAULTS = 8, 2
"""Answers at most, and how many of them may be none that can be used: each is told what to write instead."""
PROMPT_CHARS, SHORT_CHARS = 24_000, 6_000
"""Of the opening: about as long as a task with its context; less where the model's context is short."""
_SETTINGS = ModelSettings(temperature=0.0, max_tokens=1_024)
_ABOUT_THE_MODEL = frozenset({"llm_no_tools", "llm_bad_request", "llm_unreadable", "context_too_long"})
_PATH = "src/shop/prices.py"
_FILE = '''"""Prices of an order."""


def total(prices):
    """The sum of all prices."""
    return sum(prices[1:])


def average(prices):
    """The mean of all prices; 0 for none."""
    return total(prices) / len(prices) if prices else 0
'''
_FAILING = """tests/test_prices.py::test_total FAILED
    def test_total():
>       assert total([1, 2, 3]) == 6
E       assert 5 == 6"""
_TASK = f"""The tests of this repository fail:

{_FAILING}

Correct {_PATH}. Open the file first, then edit it, then say that you are done. One action in each answer."""
_TOOLS = (
    Tool(
        name="open",
        description="Look at a file, with line numbers.",
        parameters={"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
    ),
    Tool(
        name="edit",
        description="Replace one place in a file. `search` has exact lines of the file, without their numbers.",
        parameters={
            "type": "object",
            "properties": {
                "path": {"type": "string"},
                "search": {"type": "string"},
                "replace": {"type": "string"},
            },
            "required": ["path", "search", "replace"],
        },
    ),
    Tool(
        name="done",
        description="The task is finished.",
        parameters={"type": "object", "properties": {"message": {"type": "string"}}, "required": ["message"]},
    ),
)
_BLOCKS = f"""Each answer has exactly one action, in a fenced block whose first word says what to do.

Look at a file, with line numbers:

```open
{_PATH}
```

Change a file. Between the markers stand exact lines of the file, without their numbers, then what takes their place:

```edit src/shop/names.py
<<<<<<< SEARCH
    return name.lower()
=======
    return name.strip().lower()
>>>>>>> REPLACE
```

Say that the task is finished, with a commit message:

```done
Strip names
```"""
_NOT_DONE = "Not done: "


async def probe_with_dialogues(endpoint: ModelEndpoint, *, timeout_s: float = 120.0) -> Probe:
    """Look at an endpoint as ``probe`` does, then find out by talking in which dialect its model can work.

    ``timeout_s`` is for each answer of a dialogue. A model that is loaded into this process is not talked with.
    """
    seen = await probe(endpoint)
    if seen.problem or seen.model is None or urlsplit(endpoint.base_url).scheme not in {"http", "https"}:
        return seen
    async with open_chat(replace(endpoint, model=seen.model)) as chat:
        talks = await dialogues(chat, context=seen.context, timeout_s=timeout_s)
    learned = next((each.context for each in talks if each.context is not None), None)
    return replace(seen, dialogues=talks, context=seen.context or learned)


async def dialogues(model: Model, *, context: int | None = None, timeout_s: float = 120.0) -> tuple[Dialogue, ...]:
    """Try the dialects, best first, until one passes; ``single`` passes where no other does. Never raises.

    Where the endpoint fails in the middle, none passes. A prompt that is too long for it says nothing of the dialect: a
    shorter one is tried.
    """
    room = PROMPT_CHARS if context is None or context > PROMPT_CHARS // 2 else SHORT_CHARS
    tried: list[Dialogue] = []
    for dialect in ("tools", "text"):
        last = await _Talk(model, dialect, opening(dialect, room), timeout_s).result()
        if last.error == "context_too_long" and room > SHORT_CHARS:
            room, context = SHORT_CHARS, last.context
            last = await _Talk(model, dialect, opening(dialect, room), timeout_s).result()
            last = replace(last, context=last.context or context)
        tried.append(last)
        if last.passed or (last.error and last.error not in _ABOUT_THE_MODEL):
            return tuple(tried)  # an endpoint that went away says nothing about what its model can do
    return (*tried, Dialogue(dialect="single", passed=True))


def opening(dialect: Literal["tools", "text"], room: int) -> tuple[Message, ...]:
    """A repository with more in it than the one file that matters."""
    rules = "You correct code, in turns: after each action you are shown its result."
    how = "Each answer calls exactly one of the tools." if dialect == "tools" else _BLOCKS
    context: list[str] = []
    # Models that hold a dialogue over three lines lose it behind a real prompt.
    while sum(map(len, context)) < room:
        n = len(context)
        context.append(
            f"src/shop/part{n}.py\n    {n * 7 + 1}: def handle_{n}(order, *, limit={n}):\n"
            f'    {n * 7 + 2}:     """Handle orders of the kind {n}: nothing of it concerns prices."""\n'
            f"    {n * 7 + 3}:     return [line for line in order.lines if line.number > limit][:{n + 1}]\n"
        )
    shown = f"Files of the repository and passages of them:\n\n{chr(10).join(context)}\n{_PATH}\ntests/test_prices.py"
    return (Message(role="system", content=f"{rules} {how}"), Message(role="user", content=f"{shown}\n\n{_TASK}"))


@dataclass(slots=True)
class _Talk:
    """One dialogue."""

    model: Model
    dialect: Literal["tools", "text"]
    messages: tuple[Message, ...]
    timeout_s: float
    file: str = _FILE
    turns: int = 0
    faults: list[str] = field(default_factory=list[str])
    served: int | None = None

    async def result(self) -> Dialogue:
        """Hold it, and say how it went."""
        started, error = time.monotonic(), ""
        with metered() as meter:
            try:
                problem = await self.problem()
            except SignoffError as raised:
                problem, error = raised.message, raised.stable_code
                self.served = raised.max_tokens if isinstance(raised, ContextTooLong) else None
        return Dialogue(
            dialect=self.dialect,
            passed=not problem,
            turns=self.turns,
            problem=problem[:500],
            error=error,
            faults=tuple(self.faults),
            tokens=meter.usage.tokens,
            seconds=round(time.monotonic() - started, 1),
            context=self.served,
        )

    async def problem(self) -> str:
        """Go on until the work is done; why it is not. Empty: it is."""
        settings = replace(_SETTINGS, timeout_s=self.timeout_s)
        tools = _TOOLS if self.dialect == "tools" else ()
        while self.turns < TURNS:
            self.turns += 1
            reply = await self.model.ask(Question(self.messages, str, settings=settings, tools=tools))
            reading = read_action(reply, self.dialect)
            result = self.done(reading.action) if reading.action else f"{_NOT_DONE}{reading.correction}"
            if not result:
                return ""
            if result.startswith(_NOT_DONE):
                self.faults.append(result)
                if len(self.faults) > FAULTS:
                    return f"{len(self.faults)} answers could not be used, the last because: {result}"
            if self.dialect == "tools" and reply.tool_calls:
                # Each call needs a result, also those that are not done: endpoints refuse the conversation otherwise.
                results = [Message(role="tool", content=result, tool_call_id=each.id) for each in reply.tool_calls]
                answer = Message(role="assistant", content=reply.value, tool_calls=reply.tool_calls)
                self.messages = (*self.messages, answer, *results)
            else:
                answer = Message(role="assistant", content=reply.value or "(nothing)")
                self.messages = (*self.messages, answer, Message(role="user", content=result))
        return f"it was not done after {TURNS} answers"

    def done(self, action: CoderAction) -> str:
        """Do what was asked for, and return what to show; empty: it is finished."""
        match action:
            case DoneAction():
                return "" if _corrected(self.file) else f"{_NOT_DONE}the tests still fail.\n\n{_FAILING}"
            case OpenAction(path=path) | EditAction(edits=(EditBlock(path=path), *_)) if path.endswith("prices.py"):
                pass
            case OpenAction() | EditAction():
                return f"{_NOT_DONE}the action needs a path of the repository. The file to correct is {_PATH}."
            case _:
                return f"{_NOT_DONE}only open, edit and done are to be had here."
        if isinstance(action, OpenAction):
            return "\n".join(f"{n:4}: {line}" for n, line in enumerate(self.file.splitlines(), 1))
        changed = self.file
        for edit in action.edits:
            if edit.content is not None:
                changed = edit.content
                continue
            search = edit.search or ""
            if not search.strip() or changed.count(search) != 1:
                return (
                    f"{_NOT_DONE}the search text is not found exactly once in the file. "
                    "Copy whole lines of it, with their spaces and without the numbers, for example:\n"
                    "    return sum(prices[1:])"
                )
            changed = changed.replace(search, edit.replace or "")
        if python_tree(changed) is None:
            return f"{_NOT_DONE}the file would be no Python any more. Keep the indentation of the lines."
        self.file = changed
        return "Edited. The tests pass now." if _corrected(changed) else f"Edited. The tests still fail.\n\n{_FAILING}"


def _corrected(file: str) -> bool:
    """Whether the sum is one of all prices. What a model wrote is not run here."""
    body = file.partition("def total")[2].partition("\ndef ")[0]
    return "[1:]" not in body and "return" in body and python_tree(file) is not None and file != _FILE


def read_action(reply: Reply[str], dialect: Literal["tools", "text"]) -> Reading:
    """The action of an answer, as the coder would read it; in the dialect of tools only what is really called."""
    cut = reply.finish == "length"
    if dialect == "text":
        return text.read(reply.value, cut=cut)
    if reply.tool_calls:
        return tools.read(reply.value, reply.tool_calls, cut=cut)
    # Calls in words are read for the coder, too; but who cannot call natively is better off in blocks.
    example = json.dumps({"path": _PATH})
    return Reading(problem=f"no tool was called. Call open, edit or done, for example open with {example}.")
