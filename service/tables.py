"""The SQLAlchemy metadata of the service's tables, and the SQL that all of their rows share."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import MetaData, Text, case, cast, func, select, type_coerce
from sqlalchemy.dialects.postgresql import JSONB

from service.errors import refuse

METADATA = MetaData()


def holds(column: Any, key: str, asked: Any, *, dialect: str) -> Any:
    """SQL: the JSON object in ``column`` has this pair; a number of another kind is no error, but another value.

    Raises ``request_invalid`` for what is no text, number or boolean.
    """
    kinds = _KINDS.get(type(asked))
    if kinds is None:
        raise refuse("request_invalid", "Metadata is searched by text, numbers and booleans.")
    if dialect == "postgresql":
        return cast(column, JSONB).contains({key: asked})
    raw = type_coerce(column, Text)
    # Older versions let NaN into rows, over which SQLite would refuse the whole search.
    pair = func.json_each(case((func.json_valid(raw) == 1, raw), else_="{}")).table_valued("key", "type", "atom")
    same = (
        (pair.c.type == ("true" if asked else "false"),)
        if asked is True or asked is False
        else (pair.c.type.in_(kinds), pair.c.atom == asked)
    )
    return select(pair.c.key).where(pair.c.key == key, *same).correlate(column.table).exists()


_KINDS: Mapping[type, tuple[str, ...]] = {
    bool: ("true", "false"),
    int: ("integer", "real"),
    float: ("integer", "real"),
    str: ("text",),
}
"""What SQLite calls the JSON values that equal one of ours."""
