"""Where everybody meets: the only module that opens the back rooms."""

from datetime import UTC, datetime

EVERY_ROLE = ("approver", "operator")


def now() -> datetime:
    """The clock of the house."""
    return datetime.now(UTC)
