"""Errors, as a tree by who can act.

    SignoffError                code, message, hint
    ├── Transient               try again, nothing is wrong with the request
    │   ├── SandboxLost         the container went away; restored from the last snapshot
    │   ├── Unavailable         a model endpoint does not answer
    │   └── RateLimited         … and says when to come back
    ├── Refused                 a policy, a check or a person said no: change the request
    │   └── CutOff              a model's answer did not end within its tokens: ask for less, or allow more
    ├── Exhausted               a budget or a limit is spent: raise it
    └── Broken                  our bug

Every concrete error carries a stable ``code`` (the same in the CLI and in HTTP) and a ``hint``
that says what to do. A command that failed inside the sandbox is a value, not one of these.
"""

import sys
from typing import ClassVar

__all__ = [
    "Broken",
    "Conflict",
    "ContextTooLong",
    "CutOff",
    "Exhausted",
    "Forbidden",
    "Gone",
    "Missing",
    "RateLimited",
    "Refused",
    "SandboxLost",
    "SignoffError",
    "Transient",
    "Unauthenticated",
    "Unavailable",
    "Unprocessable",
    "Unreadable",
    "extra_command",
]


class SignoffError(Exception):
    """Anything that is reported to a person. ``code`` never changes once released."""

    code: ClassVar[str] = "error"
    exit_status: ClassVar[int] = 1
    http_status: ClassVar[int] = 500

    def __init__(self, message: str, *, hint: str = "", code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self._code = code

    @property
    def stable_code(self) -> str:
        """The code to show: the one given for this case, else the class's own."""
        return self._code or self.code

    # Unpickling calls a class with its ``args``, and these constructors want more than the message.
    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.message, self.hint, self._code, dict(self.__dict__)))


def _rebuild(
    cls: type[SignoffError], message: str, hint: str, code: str | None, extra: dict[str, object]
) -> SignoffError:
    """Make the error again after pickling, whatever its constructor looks like."""
    error = cls.__new__(cls)
    SignoffError.__init__(error, message, hint=hint, code=code)
    error.__dict__.update(extra)
    return error


class Transient(SignoffError):
    code = "transient"
    exit_status = 75
    http_status = 503


class SandboxLost(Transient):
    code = "sandbox_lost"


class Unavailable(Transient):
    code = "llm_unavailable"


class RateLimited(Transient):
    """The endpoint asked us to wait ``retry_after`` seconds (None: it did not say)."""

    code = "rate_limit_exceeded"
    http_status = 429

    def __init__(self, message: str, *, retry_after: float | None = None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class Unreadable(Transient):
    """A model's answer did not parse, also not after one round of repair."""

    code = "llm_unreadable"
    http_status = 502


class Refused(SignoffError):
    code = "refused"
    exit_status = 2
    http_status = 400


class ContextTooLong(Refused):
    """The prompt does not fit the served context of ``max_tokens`` tokens."""

    code = "context_too_long"

    def __init__(self, message: str, *, max_tokens: int | None = None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.max_tokens = max_tokens


class CutOff(Refused):
    """A model's answer ended at the limit of tokens. Asked the same, it would end there again."""

    code = "llm_cut_off"
    http_status = 502


class Exhausted(SignoffError):
    code = "budget_spent"
    exit_status = 3
    http_status = 402


class Broken(SignoffError):
    code = "bug"
    exit_status = 70


class Unauthenticated(Refused):
    http_status: ClassVar[int] = 401


class Forbidden(Refused):
    http_status: ClassVar[int] = 403


class Missing(Refused):
    http_status: ClassVar[int] = 404


class Conflict(Refused):
    http_status: ClassVar[int] = 409


class Gone(Refused):
    http_status: ClassVar[int] = 410


class Unprocessable(Refused):
    http_status: ClassVar[int] = 422


def extra_command(extra: str) -> str:
    """Return the command that installs an extra beside this Signoff, be it of a wheel or of a checkout.

    It names this interpreter: elsewhere pip would look the name up in its index, and take what others put there.
    """
    return f"{sys.executable} -m pip install 'signoff[{extra}]'"
