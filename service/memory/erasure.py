"""Erasure of a person from what runs remember, in the transaction that takes their name out of the record."""

import json

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import and_, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from memory import NAMESPACE, Memory, forgotten
from service.storage.items import ITEMS, SEP

_MEMORY = TypeAdapter(Memory)
_I = ITEMS.c


async def forget_in_memory(conn: AsyncConnection, org: str, person: str, pseudonym: str) -> int:
    """Put a pseudonym where a person's name stood, and remove what they wrote; how many memories were touched.

    What they asked a run for stands in that run, and goes with its thread.
    """
    mine = and_(_I.org == org, _I.namespace.startswith(f"{NAMESPACE}{SEP}", autoescape=True))
    rows = (await conn.execute(select(_I.namespace, _I.key, _I.value).where(mine))).all()
    touched = 0
    for row in rows:
        here = and_(_I.org == org, _I.namespace == row.namespace, _I.key == row.key)
        try:
            memory = _MEMORY.validate_python(row.value)
        except ValidationError:  # of another version: nothing of it may stay that names them
            left, changed = None, person in json.dumps(row.value, ensure_ascii=False)
        else:
            left = forgotten(memory, person, pseudonym)
            changed = left != memory
        if not changed:
            continue
        touched += 1
        if left is None:
            await conn.execute(delete(ITEMS).where(here))
        else:
            await conn.execute(update(ITEMS).where(here).values(value=_MEMORY.dump_python(left, mode="json")))
    return touched
