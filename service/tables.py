"""The SQLAlchemy metadata of the service's tables, and the SQL that all of their rows share."""

import operator
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import MetaData, Numeric, Text, and_, case, cast, func, select, type_coerce
from sqlalchemy.dialects.postgresql import JSONB

from service.errors import refuse

METADATA = MetaData()


def holds(column: Any, key: str, expected: Any, *, dialect: str) -> Any:
    """SQL: the JSON object in ``column`` has this pair; a number of another kind is no error, but another value.

    Raises ``request_invalid`` for what is no text, number or boolean.
    """
    kinds = _KINDS.get(type(expected))
    if kinds is None:
        raise refuse("request_invalid", "Metadata is searched by text, numbers and booleans.")
    if dialect == "postgresql":
        return cast(column, JSONB).contains({key: expected})
    raw = type_coerce(column, Text)
    # Older versions let NaN into rows, over which SQLite would refuse the whole search.
    pair = func.json_each(case((func.json_valid(raw) == 1, raw), else_="{}")).table_valued("key", "type", "atom")
    same = (
        (pair.c.type == ("true" if expected else "false"),)
        if expected is True or expected is False
        else (pair.c.type.in_(kinds), pair.c.atom == expected)
    )
    return select(pair.c.key).where(pair.c.key == key, *same).correlate(column.table).exists()


def fits(column: Any, key: str, expected: Any, *, dialect: str) -> Any:
    """SQL: the JSON object in ``column`` fits a value, or every condition of LangGraph's store such as ``$gte``.

    Numbers are compared with numbers and text with text, in the order of its bytes; what is missing or of another kind
    is unequal, and neither smaller nor greater. Raises ``request_invalid``.
    """
    if not isinstance(expected, dict):
        return holds(column, key, expected, dialect=dialect)
    if not expected or set(expected) - {"$eq", "$ne", *_ORDERS}:
        raise refuse("request_invalid", f"Values are compared by $eq, $ne, {', '.join(sorted(_ORDERS))}.")
    return and_(*(_condition(column, key, name, value, dialect=dialect) for name, value in expected.items()))


def _condition(column: Any, key: str, name: str, expected: Any, *, dialect: str) -> Any:
    if name in {"$eq", "$ne"}:
        same = holds(column, key, expected, dialect=dialect)
        return same if name == "$eq" else ~same
    if isinstance(expected, bool) or not isinstance(expected, (int, float, str)):
        raise refuse("request_invalid", f"{name} compares numbers and texts.")
    order = _ORDERS[name]
    if dialect == "postgresql":
        entry = cast(column, JSONB)[key]
        whole = (func.jsonb_typeof(entry) == ("string" if isinstance(expected, str) else "number"), entry.astext)
        # A cast is evaluated for rows of other kinds, too, unless a case forbids it.
        read = whole[1].collate("C") if isinstance(expected, str) else cast(whole[1], Numeric)
        return case((whole[0], order(read, expected)), else_=False)
    raw = type_coerce(column, Text)
    pair = func.json_each(case((func.json_valid(raw) == 1, raw), else_="{}")).table_valued("key", "type", "atom")
    kind = pair.c.type.in_(_KINDS[type(expected)])
    return (
        select(pair.c.key).where(pair.c.key == key, kind, order(pair.c.atom, expected)).correlate(column.table).exists()
    )


_ORDERS: Mapping[str, Callable[[Any, Any], Any]] = {
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$lt": operator.lt,
    "$lte": operator.le,
}


_KINDS: Mapping[type, tuple[str, ...]] = {
    bool: ("true", "false"),
    int: ("integer", "real"),
    float: ("integer", "real"),
    str: ("text",),
}
"""What SQLite calls the JSON values that equal one of ours."""
