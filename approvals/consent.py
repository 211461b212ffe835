"""What an integration says a person decided. Pure: signed bytes in, a typed decision out.

Consent is typed. A comment, a review text, a chat message, an unknown field: none of them approves.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import parse_qs

from pydantic import Field, TypeAdapter, ValidationError

from approvals.ballot import Comment
from approvals.refusals import refusal
from domain import Choice, OddJson, Refused, read_json, value


@value
class Actor:
    """Who decided, as the provider names them. Which member that is, only our own identity map says."""

    provider: Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,40}$")]
    subject: Annotated[str, Field(min_length=1, max_length=200)]
    kind: Literal["human", "bot"] = "human"


@value
class Consent:
    """One typed decision on one digest."""

    approval_id: Annotated[str, Field(max_length=40)]
    action_digest: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
    decision: Choice
    actor: Actor
    comment: Comment = ""


_CONSENT = TypeAdapter(Consent)


def read_standard(body: bytes) -> Consent:
    """``{approval_id, action_digest, decision, actor: {provider, subject}, comment}`` and nothing else."""
    return _made(_json(body))


def read_slack(body: bytes) -> Consent | None:
    """A pressed button: ``action_id`` ``signoff.approve`` or ``signoff.reject``, value ``<approval id> <digest>``.

    None for every other interaction.
    """
    fields = parse_qs(body.decode("utf-8"), max_num_fields=20)
    payloads = fields.get("payload") or [""]
    if len(payloads) > 1:
        raise _invalid("it has several payloads")
    payload = _json(payloads[0].encode())
    actions = payload.get("actions")
    if payload.get("type") != "block_actions" or not isinstance(actions, list) or len(actions) != 1:
        return None
    pressed: Any = actions[0]
    name, choice = str(_at(pressed, "action_id")).partition(".")[::2]
    if name != "signoff" or _at(pressed, "type") != "button" or choice not in {"approve", "reject"}:
        return None
    approval_id, _, digest = str(_at(pressed, "value")).partition(" ")
    team, user = _at(payload.get("team"), "id"), _at(payload.get("user"), "id")
    actor = {"provider": "slack", "subject": f"{team}/{user}"}
    return _made({"approval_id": approval_id, "action_digest": digest, "decision": choice, "actor": actor})


def read_github(body: bytes, event: str) -> Consent | None:
    """A pressed button of our check run: ``external_id`` ``<approval id> <digest>``, identifier approve or reject.

    None for every other event: a comment or a review approves nothing.
    """
    payload = _json(body)
    if event != "check_run" or payload.get("action") != "requested_action":
        return None
    choice = _at(payload.get("requested_action"), "identifier")
    approval_id, _, digest = str(_at(payload.get("check_run"), "external_id")).partition(" ")
    sender = payload.get("sender")
    kind = "human" if _at(sender, "type") == "User" else "bot"
    actor = {"provider": "github", "subject": str(_at(sender, "id")), "kind": kind}
    return _made({"approval_id": approval_id, "action_digest": digest, "decision": choice, "actor": actor})


def _json(body: bytes) -> Mapping[str, Any]:
    try:
        parsed = read_json(body)
    except OddJson as odd:
        raise _invalid(f"the body {odd}") from None
    if not isinstance(parsed, dict):
        raise _invalid("the body is not a JSON object")
    return parsed


def _at(parent: Any, key: str) -> Any:
    return parent.get(key, "") if isinstance(parent, dict) else ""


def _made(fields: Mapping[str, Any]) -> Consent:
    try:
        return _CONSENT.validate_python(dict(fields))
    except ValidationError as error:
        what = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:5])
        raise _invalid(what) from None


def _invalid(why: str) -> Refused:
    return refusal("hook_invalid", f"This is no decision: {why}.")
