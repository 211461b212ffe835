"""Errors of the service: a stable code, its HTTP status, and what to do about it."""

from datetime import datetime
from typing import ClassVar, Final, Literal

from domain import Exhausted, Refused
from domain.errors import Conflict, Forbidden, Missing, Unauthenticated, Unprocessable


class WrongMethod(Refused):
    http_status: ClassVar[int] = 405


class Malformed(Refused):
    http_status: ClassVar[int] = 400


class TooLarge(Refused):
    http_status: ClassVar[int] = 413


class WrongMedia(Refused):
    http_status: ClassVar[int] = 415


class GoingDown(Refused):
    """The server is told to stop; 503, and the next one answers."""

    http_status: ClassVar[int] = 503


class TooMany(Refused):
    """Comes with ``retry_after`` seconds."""

    http_status: ClassVar[int] = 429

    def __init__(self, message: str, *, code: str, hint: str = "", retry_after: float = 1.0) -> None:
        super().__init__(message, code=code, hint=hint)
        self.retry_after = retry_after


class PlanExhausted(Exhausted):
    """A limit of the organisation's plan is reached; ``renews_at``: when it is counted from zero again, if ever."""

    def __init__(self, message: str, *, code: str, hint: str, renews_at: datetime | None = None) -> None:
        super().__init__(message, code=code, hint=hint)
        self.renews_at = renews_at


Code = Literal[
    "thread_not_found",
    "thread_exists",
    "thread_busy",
    "thread_empty",
    "turn_not_found",
    "assistant_not_found",
    "assistant_exists",
    "assistant_fixed",
    "cron_not_found",
    "item_not_found",
    "namespace_reserved",
    "checkpoint_not_found",
    "route_not_found",
    "method_not_allowed",
    "request_invalid",
    "media_type_unsupported",
    "task_missing",
    "repo_refused",
    "interrupt_unknown",
    "idempotency_reused",
    "not_authenticated",
    "key_invalid",
    "token_invalid",
    "scope_missing",
    "role_missing",
    "key_above_maker",
    "key_ended",
    "subject_collides",
    "key_not_found",
    "body_too_large",
    "rate_limited",
    "already_serving",
    "server_stopping",
    "port_unavailable",
    "authentication_needed",
    "database_not_migrated",
    "migration_failed",
    "server_needed",
    "job_not_found",
    "job_state",
    "plans_off",
    "plan_unknown",
    "payment_customer_unknown",
    "payment_price_unknown",
]

_KIND: Final[dict[Code, type[Refused]]] = {
    "thread_not_found": Missing,
    "thread_exists": Conflict,
    "thread_busy": Conflict,
    "thread_empty": Malformed,
    "turn_not_found": Missing,
    "assistant_not_found": Missing,
    "assistant_exists": Conflict,
    "assistant_fixed": Forbidden,
    "cron_not_found": Missing,
    "item_not_found": Missing,
    "namespace_reserved": Forbidden,
    "checkpoint_not_found": Missing,
    "route_not_found": Missing,
    "method_not_allowed": WrongMethod,
    "request_invalid": Unprocessable,
    "media_type_unsupported": WrongMedia,
    "task_missing": Unprocessable,
    "repo_refused": Forbidden,
    "interrupt_unknown": Unprocessable,
    "idempotency_reused": Conflict,
    "not_authenticated": Unauthenticated,
    "key_invalid": Unauthenticated,
    "token_invalid": Unauthenticated,
    "scope_missing": Forbidden,
    "role_missing": Forbidden,
    "key_above_maker": Forbidden,
    "key_ended": Conflict,
    "subject_collides": Conflict,
    "key_not_found": Missing,
    "body_too_large": TooLarge,
    "rate_limited": TooMany,
    "already_serving": Refused,
    "server_stopping": GoingDown,
    "port_unavailable": Refused,
    "authentication_needed": Refused,
    "database_not_migrated": Refused,
    "migration_failed": Refused,
    "server_needed": Refused,
    "job_not_found": Missing,
    "job_state": Conflict,
    "plans_off": Conflict,
    "plan_unknown": Missing,
    "payment_customer_unknown": Missing,
    "payment_price_unknown": Unprocessable,
}

_HINT: Final[dict[Code, str]] = {
    "thread_not_found": "List them with POST /threads/search.",
    "thread_exists": 'Use another id, or say "if_exists": "do_nothing".',
    "thread_busy": 'Wait for its run, or choose "multitask_strategy": "enqueue".',
    "thread_empty": "Start a run on it first: POST /threads/{thread_id}/runs.",
    "turn_not_found": "List them with GET /threads/{thread_id}/runs.",
    "assistant_not_found": "List them with POST /assistants/search.",
    "assistant_exists": 'Use another id, or say "if_exists": "do_nothing".',
    "assistant_fixed": "Make your own: POST /assistants.",
    "cron_not_found": "List them with POST /runs/crons/search.",
    "item_not_found": "List them with GET /v1/runs/{id}/artifacts.",
    "namespace_reserved": "Change it where it is known who may: PATCH /v1/memory/{id}.",
    "checkpoint_not_found": "List them with POST /threads/{thread_id}/history.",
    "route_not_found": "See /docs for every route.",
    "method_not_allowed": "See /docs for the methods of this route.",
    "request_invalid": "See /docs for what this route takes.",
    "media_type_unsupported": "Send Content-Type: application/json, and the body in UTF-8.",
    "task_missing": 'Send {"input": {"task": {"text": …, "repo": …}}}, or messages and a repo.',
    "repo_refused": "Use a repository that SIGNOFF_REPOS allows.",
    "interrupt_unknown": "Read the thread's interrupts and answer the one that is open now.",
    "idempotency_reused": "Use a new Idempotency-Key for another request.",
    "not_authenticated": "Send an API key as x-api-key, or a token as Authorization: Bearer.",
    "key_invalid": "Check the key, or have a new one made: POST /v1/keys.",
    "token_invalid": "Log in again.",
    "scope_missing": "Use a key that has this scope.",
    "role_missing": "Ask somebody who has this role.",
    "key_above_maker": "Ask for less, or have an administrator make the key.",
    "key_ended": "Have a new key made: POST /v1/keys.",
    "subject_collides": "Use the name that is known here, or another one that cannot be taken for it.",
    "key_not_found": "List them with GET /v1/keys.",
    "body_too_large": "Send less, or raise SIGNOFF_MAX_BODY_MB.",
    "rate_limited": "Wait as long as Retry-After says.",
    "already_serving": "One server per home folder. Use another SIGNOFF_HOME, or PostgreSQL for several servers.",
    "server_stopping": "Ask again at location: the run goes on with another server, or when this one is back.",
    "port_unavailable": "Choose another: --port or SIGNOFF_PORT; 0 takes any free one. See who has it: ss -ltnp",
    "authentication_needed": "Set SIGNOFF_OIDC_ISSUER, or make an API key first: signoff serve on loopback prints one.",
    "database_not_migrated": "Run: signoff migrate",
    "migration_failed": "Mend what is named, then: signoff migrate. See docs/runbooks/failed-migration.md",
    "server_needed": "Set SIGNOFF_DATABASE_URL to a PostgreSQL database.",
    "job_not_found": "See them with: signoff jobs list",
    "job_state": "See how it stands: signoff jobs show JOB",
    "plans_off": "Write the plans into a file and name it in SIGNOFF_PLANS; docs/plans.md has an example.",
    "plan_unknown": "List them with: signoff plans list",
    "payment_customer_unknown": "Name it under `customers:` in the file of SIGNOFF_PLANS, or set signoff_org in the "
    "metadata of its subscription; the provider sends the message again.",
    "payment_price_unknown": "Name it under `prices:` in the file of SIGNOFF_PLANS; the provider sends the message "
    "again.",
}


def refuse(code: Code, message: str, *, hint: str = "") -> Refused:
    """The error to raise for ``code``; ``hint``: what to do about it, where that is not the same everywhere."""
    return _KIND[code](message, code=code, hint=hint or _HINT[code])
