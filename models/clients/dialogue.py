"""Dialogue probe: in which dialect a model can work turn by turn, tried in a short real dialogue with a long prompt.

One call proves little: many a model calls one tool that it has to call, and loses the thread when a file comes back.
So it gets a small repository to correct: it opens a file, reads it, edits it and says that it is done, first with
tools; where that fails, in fenced blocks; where that fails, too, it can only answer once (``single``).
"""

import json
import re
import time
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Annotated, Literal

from pydantic import Field

from domain import SignoffError, value
from domain.text import python_tree
from models.clients.structured import without_thoughts
from models.contract import DialectName, Message, Model, ModelSettings, Question, Reply, Tool, ToolCall
from models.usage import metered

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
_FENCE = re.compile(r"(`{3,}|~{3,})\s*(open|edit|done)\b(.*)")
_MARK = re.compile(r"<{5,}|={5,}|>{5,}")


@value
class Dialogue:
    """How a model did in one dialect."""

    dialect: DialectName
    passed: bool = False
    turns: int = 0
    problem: str = ""
    """Why it did not pass."""
    error: str = ""
    """Code of the error that ended it, where it was one."""
    faults: Annotated[tuple[str, ...], Field(max_length=TURNS)] = ()
    """What was wrong with answers that could not be used."""
    tokens: int = 0
    seconds: float = 0.0

    def line(self) -> str:
        """In a few words, for a person."""
        cost = f"{self.turns} answers, {self.tokens} tokens, {self.seconds:.0f} s"
        if self.passed:
            slips = f", {len(self.faults)} of them after a correction" if self.faults else ""
            return f"{self.dialect}: holds a dialogue ({cost}{slips})"
        return f"{self.dialect}: {self.problem} ({cost})"


async def dialogues(model: Model, *, context: int | None = None, timeout_s: float = 120.0) -> tuple[Dialogue, ...]:
    """Try the dialects, best first, until one passes; ``single`` passes where no other does. Never raises.

    Where the endpoint fails in the middle, none passes.
    """
    room = PROMPT_CHARS if context is None or context > PROMPT_CHARS // 2 else SHORT_CHARS
    tried: list[Dialogue] = []
    for dialect in ("tools", "text"):
        last = await _Talk(model, dialect, _opening(dialect, room), timeout_s).held()
        tried.append(last)
        if last.passed or (last.error and last.error not in _ABOUT_THE_MODEL):
            return tuple(tried)  # an endpoint that went away says nothing about what its model can do
    return (*tried, Dialogue(dialect="single", passed=True))


def _opening(dialect: Literal["tools", "text"], room: int) -> tuple[Message, ...]:
    """A repository with more in it than the one file that matters."""
    rules = "You correct code, in turns: after each action you are shown its result."
    how = "Each answer calls exactly one of the tools." if dialect == "tools" else _BLOCKS
    context: list[str] = []
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
    talk: tuple[Message, ...]
    timeout_s: float
    file: str = _FILE
    opened: bool = False
    turns: int = 0
    faults: list[str] = field(default_factory=list[str])

    async def held(self) -> Dialogue:
        started, error = time.monotonic(), ""
        with metered() as meter:
            try:
                problem = await self._problem()
            except SignoffError as raised:
                problem, error = raised.message, raised.stable_code
        return Dialogue(
            dialect=self.dialect,
            passed=not problem,
            turns=self.turns,
            problem=problem[:500],
            error=error,
            faults=tuple(self.faults),
            tokens=meter.usage.tokens,
            seconds=round(time.monotonic() - started, 1),
        )

    async def _problem(self) -> str:
        """Go on until the work is done; why it is not. Empty: it is."""
        settings = ModelSettings(
            temperature=_SETTINGS.temperature, max_tokens=_SETTINGS.max_tokens, timeout_s=self.timeout_s
        )
        tools = _TOOLS if self.dialect == "tools" else ()
        while self.turns < TURNS:
            self.turns += 1
            reply = await self.model.ask(Question(self.talk, str, settings=settings, tools=tools))
            call, fault = _action_of(reply, self.dialect)
            result = fault or self._done(call)
            if call.name == "done" and not result:
                return ""
            if fault or result.startswith("Not done"):
                self.faults.append(result)
                if len(self.faults) > FAULTS:
                    return f"{len(self.faults)} answers could not be used, the last because: {result}"
            if self.dialect == "tools" and reply.tool_calls:
                answers = [Message(role="tool", content=result, tool_call_id=each.id) for each in reply.tool_calls]
                said = Message(role="assistant", content=reply.value, tool_calls=reply.tool_calls)
                self.talk = (*self.talk, said, *answers)
            else:
                said = Message(role="assistant", content=reply.value or "(nothing)")
                self.talk = (*self.talk, said, Message(role="user", content=result))
        return f"it was not done after {TURNS} answers"

    def _done(self, call: ToolCall) -> str:
        """Do what was asked for, and return what to show; empty: it is finished."""
        given = {key: text for key, text in call.arguments.items() if isinstance(text, str)}
        if call.name == "done":
            return "" if _corrected(self.file) else f"Not done: the tests still fail.\n\n{_FAILING}"
        if not str(given.get("path", "")).endswith("prices.py"):
            return f"Not done: the action needs a path of the repository. The file to correct is {_PATH}."
        if call.name == "open":
            self.opened = True
            return "\n".join(f"{n:4}: {line}" for n, line in enumerate(self.file.splitlines(), 1))
        search = given.get("search", "")
        if not search.strip() or self.file.count(search) != 1:
            return (
                "Not done: the search text is not found exactly once in the file. "
                "Copy whole lines of it, with their spaces and without the numbers, for example:\n"
                "    return sum(prices[1:])"
            )
        changed = self.file.replace(search, given.get("replace", ""))
        if python_tree(changed) is None:
            return "Not done: the file would be no Python any more. Keep the indentation of the lines."
        self.file = changed
        return "Edited. The tests pass now." if _corrected(changed) else f"Edited. The tests still fail.\n\n{_FAILING}"


def _corrected(file: str) -> bool:
    """Whether the sum is one of all prices. What a model wrote is not run here."""
    body = file.partition("def total")[2].partition("\ndef ")[0]
    return "[1:]" not in body and "return" in body and python_tree(file) is not None and file != _FILE


def _action_of(reply: Reply[str], dialect: Literal["tools", "text"]) -> tuple[ToolCall, str]:
    """What is to be done, or what is wrong with the answer."""
    if dialect == "text":
        return _block_of(without_thoughts(reply.value))
    nothing = ToolCall(id="", name="")
    if reply.finish == "length":
        return nothing, "Not done: the answer was cut off at the length limit. Call one tool, with few words."
    if not reply.tool_calls:
        example = json.dumps({"path": _PATH})
        return (
            nothing,
            f"Not done: no tool was called. Call open, edit or done, for example open with {example}.",
        )
    call = reply.tool_calls[0]
    if call.wrong:
        return nothing, f"Not done: the arguments of {call.name} cannot be read: {call.wrong}. Write a JSON object."
    if call.name not in {tool.name for tool in _TOOLS}:
        return nothing, f"Not done: there is no tool {call.name[:60]!r}. Call one of open, edit and done."
    return call, ""


def _block_of(text: str) -> tuple[ToolCall, str]:
    """The first action of an answer in the text dialect."""
    lines = iter(text.splitlines())
    opened = next((match for line in lines if (match := _FENCE.match(line))), None)
    if opened is None:
        example = f"```open\n{_PATH}\n```"
        return ToolCall(id="", name=""), f"Not done: there is no action in it. Write one block, for example:\n{example}"
    fence, verb, path = opened[1], opened[2], opened[3].strip()
    body = [*takewhile(lambda line: line.strip() != fence, lines)]
    if verb != "edit":
        path = (path or " ".join(body[:1])).partition(":")[0].strip()
        return ToolCall(id="", name=verb, arguments={"path": path}), ""
    parts: list[list[str]] = [[]]
    for line in body:
        if _MARK.match(line):
            parts.append([])
        else:
            parts[-1].append(line)
    if len(parts) < 4:  # noqa: PLR2004  before, search, replace, after
        return ToolCall(id="", name=""), (
            "Not done: the edit has no SEARCH and REPLACE. Write:\n"
            f"```edit {_PATH}\n<<<<<<< SEARCH\nexact lines\n=======\nnew lines\n>>>>>>> REPLACE\n```"
        )
    arguments = {"path": path, "search": "\n".join(parts[1]), "replace": "\n".join(parts[2])}
    return ToolCall(id="", name=verb, arguments=arguments), ""
