"""The public twin of a model: it says what it was told to say, in that order."""

from collections.abc import Sequence
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from domain import Broken, Unreadable
from models.contract import Heard, Message, Reply, Settings, Usage
from models.metering import book

T = TypeVar("T")


class Scripted:
    """A real ``Model`` for tests, demonstrations and replays.

    Each answer is a value of the type that will be asked for, a ``dict`` or JSON text to be parsed as
    that type, or an exception to raise. ``asked`` keeps every prompt. It costs one token per four
    characters, so that budgets have something to count.
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
        """Answers that nobody asked for yet."""
        return max(0, len(self._answers) - len(self._asked))

    async def ask(
        self,
        messages: Sequence[Message],
        answer: type[T],
        *,
        settings: Settings,  # noqa: ARG002  the contract's
        heard: Heard | None = None,
    ) -> Reply[T]:
        """Give the next answer.

        Raises:
            Broken: ``script_ended`` when there is none left, ``script_mismatch`` when it is of another type.
            Unreadable: the answer is a dict or text that is not what was asked for.
            whatever exception stands in the script.
        """
        number = len(self._asked)
        self._asked.append(tuple(messages))
        if number >= len(self._answers):
            raise Broken(
                f"{self._name} was asked for a {answer.__name__} and has no answer left (it had {len(self._answers)}).",
                code="script_ended",
                hint="Add the missing answer to the script.",
            )
        said = self._answers[number]
        if isinstance(said, BaseException):
            raise said
        value, text = _as(answer, said)
        if heard is not None:
            heard(text)
        tokens_in = sum(len(message.content) for message in messages) // 4
        usage = Usage(tokens_in=tokens_in, tokens_out=max(1, len(text) // 4), calls=1)
        book(usage)
        return Reply(value=value, model=self._name, usage=usage, first_token_ms=0.0)


def _as(answer: type[T], said: object) -> tuple[T, str]:
    """Return the scripted answer as the type asked for, and as the text that a model would have streamed."""
    adapter = TypeAdapter[T](answer)
    if answer is str or not isinstance(said, str | dict):
        if not isinstance(said, answer):
            raise Broken(
                f"The script has a {type(said).__name__} where a {answer.__name__} is asked for.",
                code="script_mismatch",
                hint="Put the answers in the order in which they will be asked for.",
            )
        return said, said if isinstance(said, str) else adapter.dump_json(said).decode()
    try:
        value = adapter.validate_json(said) if isinstance(said, str) else adapter.validate_python(said)
    except ValidationError as error:
        raise Unreadable(f"The answer is not a {answer.__name__}: {error}", hint="Correct the script.") from error
    return value, said if isinstance(said, str) else adapter.dump_json(value).decode()
