"""Errors of approvals: a stable code, the HTTP status it answers with, and what to do about it."""

from typing import Final, Literal, get_args

from domain import Refused
from domain.errors import Conflict, Forbidden, Gone, Missing, Unauthenticated, Unprocessable

Code = Literal[
    "not_approver",
    "self_approval",
    "step_up_required",
    "approval_missing",
    "digest_mismatch",
    "already_decided",
    "superseded",
    "expired",
    "approval_expired",
    "approval_stale",
    "approval_pending",
    "approval_rejected",
    "already_consumed",
    "approval_cancelled",
    "run_killed",
    "edit_widens",
    "action_invalid",
    "grant_refused",
    "reminded_lately",
    "cursor_invalid",
    "letter_missing",
    "signature_invalid",
    "hook_unknown",
    "hook_invalid",
    "hook_reused",
    "link_invalid",
    "link_expired",
    "link_used",
    "csrf_invalid",
]

_KIND: Final[dict[Code, type[Refused]]] = {
    "not_approver": Forbidden,
    "self_approval": Forbidden,
    "step_up_required": Forbidden,
    "approval_missing": Missing,
    "digest_mismatch": Conflict,
    "already_decided": Conflict,
    "superseded": Conflict,
    "expired": Gone,
    "approval_expired": Gone,
    "approval_stale": Gone,
    "approval_pending": Conflict,
    "approval_rejected": Conflict,
    "already_consumed": Conflict,
    "approval_cancelled": Conflict,
    "run_killed": Conflict,
    "edit_widens": Unprocessable,
    "action_invalid": Unprocessable,
    "grant_refused": Unprocessable,
    "reminded_lately": Conflict,
    "cursor_invalid": Unprocessable,
    "letter_missing": Missing,
    "signature_invalid": Unauthenticated,
    "hook_unknown": Missing,
    "hook_invalid": Unprocessable,
    "hook_reused": Conflict,
    "link_invalid": Missing,
    "link_expired": Gone,
    "link_used": Gone,
    "csrf_invalid": Forbidden,
}

_HINT: Final[dict[Code, str]] = {
    "not_approver": "Ask somebody with the approver role (critical: critical_approver); keys and bots never count.",
    "self_approval": "Ask a colleague: who requested or edited an action cannot sign it. You may cancel it.",
    "step_up_required": "Log in again with your second factor and sign within ten minutes.",
    "approval_missing": "Look at `signoff approvals list`; the approval may belong to another organisation.",
    "digest_mismatch": "The action is not the one that was shown. Read it again and sign what you see now.",
    "already_decided": "The decision is final. A new proposal opens a new approval.",
    "superseded": "The action was edited. Sign the approval that replaced this one.",
    "expired": "Nobody answered in time, so nothing happens. Resume the run to ask again.",
    "approval_expired": "Nobody answered in time, so nothing happens. Resume the run to ask again.",
    "approval_stale": "The approval lay too long before it was used. Resume the run to ask again.",
    "approval_pending": "Somebody has to sign first: `signoff approvals list`.",
    "approval_rejected": "The run takes the feedback and proposes something else.",
    "already_consumed": "An approval is used once. A second execution needs a second approval.",
    "approval_cancelled": "The approval was withdrawn. A new proposal opens a new one.",
    "run_killed": "This run was stopped by its kill switch. Start a new run.",
    "edit_widens": "A critical action may only be narrowed. Reject it with feedback instead.",
    "action_invalid": "Send the complete action with whole numbers below 2^53 and valid Unicode.",
    "grant_refused": "Grants exist for medium and high actions, may only narrow, and are given by an approver.",
    "reminded_lately": "Wait ten minutes, or leave it to one of those who may sign.",
    "cursor_invalid": "Start again without a cursor, and pass on `next_cursor` as it came.",
    "letter_missing": "List the dead letters with `signoff outbox list --state dead`.",
    "signature_invalid": "Sign id, timestamp and body with the shared secret; see docs/webhooks.md.",
    "hook_unknown": "Configure the integration first; see docs/webhooks.md.",
    "hook_invalid": "Send exactly the documented fields; see docs/webhooks.md. Free text approves nothing.",
    "hook_reused": "Every message has its own webhook-id; a retry repeats the same bytes.",
    "link_invalid": "Open the link exactly as it was sent, or ask for a new one.",
    "link_expired": "Ask for a new link: `signoff approvals list`.",
    "link_used": "This link has done its work. Open the approval to see what became of it.",
    "csrf_invalid": "Load the page again and decide there.",
}


def refusal(code: Code, message: str) -> Refused:
    """The error to raise for ``code``."""
    return _KIND[code](message, code=code, hint=_HINT[code])


def of_several(no: Refused, id_: str) -> Refused:
    """The same refusal where several were answered at once: it names the one that takes no answer."""
    return type(no)(f"Approval {id_}: {no.message} None of them was counted.", code=no.stable_code, hint=no.hint)


CODES: Final = get_args(Code)
