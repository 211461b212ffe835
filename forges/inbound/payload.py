"""Payload of a web hook, read with bounds: the parts of it that count, in types. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from domain.configuration import explained
from domain.errors import Unprocessable
from forges.contract import ForgeUser
from forges.inbound.events import EventPlace, Voted

MOST_OF_A_BODY = 66_000
"""Characters of a comment or a description that are looked at; GitHub lets people write 65,536."""


def _clipped(most: int) -> BeforeValidator:
    # A forge sends null for a description that nobody wrote.
    return BeforeValidator(lambda text: "" if text is None else text[:most] if isinstance(text, str) else text)


Line = Annotated[str, _clipped(500)]
Body = Annotated[str, _clipped(MOST_OF_A_BODY)]
Count = Annotated[int, BeforeValidator(lambda number: 0 if number is None else number)]
P = TypeVar("P", bound="PayloadPart")


class PayloadPart(BaseModel):
    """An object of a payload. What is not named here is not read."""

    model_config = ConfigDict(frozen=True, extra="ignore")


def read_part(shape: type[P], payload: Any) -> P:
    """The payload as one of our shapes. Raises ``hook_invalid``."""
    try:
        return shape.model_validate(payload)
    except ValidationError as error:
        raise invalid(explained(error, most=3)) from None


def invalid(why: str) -> Unprocessable:
    """The error for a payload that is not what its event says."""
    return Unprocessable(
        f"This is no event of a forge: {why}.",
        code="hook_invalid",
        hint="Send exactly the documented fields; see docs/forges.md.",
    )


def typed_vote(text: str) -> tuple[str, str] | None:
    """The ballot and the digest, where a text is nothing but ``<approval id> sha256:<digest>``."""
    words: Sequence[str] = text.split()
    if len(words) != 2 or not words[1].startswith("sha256:"):  # noqa: PLR2004 - an id and a digest
        return None
    return words[0], words[1]


def written_vote(words: str, place: EventPlace, by: ForgeUser, at: datetime | None) -> Voted | None:
    """A comment that says nothing to us but ``approve`` or ``reject``, a ballot and its whole digest."""
    choice, _, rest = words.partition(" ")
    vote = typed_vote(rest)
    if vote is None or choice not in {"approve", "reject"}:
        return None
    return Voted(
        way="comment",
        place=place,
        by=by,
        choice="approve" if choice == "approve" else "reject",
        approval_id=vote[0],
        action_digest=vote[1],
        at=at,
    )
