"""Scripted model: the twin of a model, which answers with a list of answers in their order."""

from collections.abc import Sequence
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from domain import Broken, Unreadable
from models.contract import Message, Question, Reply, ToolCall, Usage, book, estimated_size

T = TypeVar("T")


class Scripted:
    """A real ``Model`` for tests, demonstrations and replays.

    Each answer is a value of the type that will be asked for, a ``dict`` or JSON text to be parsed as
    that type, or an exception to raise; where tools are offered also a ``ToolCall``, or the assistant's
    ``Message`` with words and calls. ``asked`` keeps every prompt. It costs as many tokens as estimated,
    so that budgets have something to count.
    """

    def __init__(self, answers: Sequence[object], name: str = "scripted") -> None:
        self._answers = tuple(answers)
        self._name = name
        self._asked: list[tuple[Message, ...]] = []

    @property
    def name(self) -> str:
        return self._name

    @property
    def asked(self) -> tuple[tuple[Message, ...], ...]:
        """Every prompt so far, in order; its length is the number of answers given."""
        return tuple(self._asked)

    @property
    def left(self) -> int:
        """Answers that were not asked for yet."""
        return max(0, len(self._answers) - len(self._asked))

    async def ask(self, question: Question[T]) -> Reply[T]:
        """Give the next answer.

        Raises:
            Broken: ``script_ended`` when there is none left, ``script_mismatch`` when it is of another type.
            Unreadable: the answer is a dict or text that is not what was asked for.
            whatever exception stands in the script.
        """
        number, answer = len(self._asked), question.answer
        # Before anything can fail: a test sees also what was asked in vain.
        self._asked.append(tuple(question.messages))
        if number >= len(self._answers):
            raise Broken(
                f"{self._name} was asked for a {answer.__name__} and has no answer left (it had {len(self._answers)}).",
                code="script_ended",
                hint="Add the missing answer to the script.",
            )
        scripted = self._answers[number]
        if isinstance(scripted, BaseException):
            raise scripted
        calls: tuple[ToolCall, ...] = ()
        if isinstance(scripted, ToolCall | Message) and question.tools:
            calls = (scripted,) if isinstance(scripted, ToolCall) else scripted.tool_calls
            scripted = scripted.content if isinstance(scripted, Message) else ""
        value, text = _as(answer, scripted)
        if question.listener is not None:
            question.listener(text)
        answered = (Message(role="assistant", content=text, tool_calls=calls),)
        tokens_in = estimated_size(question.messages, tools=question.tools)
        usage = Usage(tokens_in=tokens_in, tokens_out=max(1, estimated_size(answered)), calls=1)
        book(usage)
        finish = "tool_calls" if calls else "stop"
        return Reply(value=value, model=self._name, usage=usage, first_token_ms=0.0, finish=finish, tool_calls=calls)


def _as(answer: type[T], scripted: object) -> tuple[T, str]:
    """Return the scripted answer as the type asked for, and as the text that a model would have streamed."""
    adapter = TypeAdapter[T](answer)
    if answer is str or not isinstance(scripted, str | dict):
        if not isinstance(scripted, answer):
            raise Broken(
                f"The script has a {type(scripted).__name__} where a {answer.__name__} is asked for.",
                code="script_mismatch",
                hint="Put the answers in the order in which they will be asked for.",
            )
        return scripted, scripted if isinstance(scripted, str) else adapter.dump_json(scripted).decode()
    try:
        value = adapter.validate_json(scripted) if isinstance(scripted, str) else adapter.validate_python(scripted)
    except ValidationError as error:
        raise Unreadable(f"The answer is not a {answer.__name__}: {error}", hint="Correct the script.") from error
    return value, scripted if isinstance(scripted, str) else adapter.dump_json(value).decode()
