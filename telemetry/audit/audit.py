"""The audit: an append-only chain of facts for each organisation, which can be verified and exported."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import TypeAdapter
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.sql.elements import ColumnElement

from telemetry.audit.chain import Checkpoint, Flaw, Line, Verification, flaws_in, genesis, sealed
from telemetry.audit.subjects import Subjects
from telemetry.audit.tables import heads, log
from telemetry.audit.witness import Witness, genuine, sign

_LINE = TypeAdapter(Line)
_BATCH = 1_000
_MANY = 100
"""More flaws than this tell nobody anything new."""


class AuditedFact(Protocol):
    """What other rooms report. ``actor`` is empty when no person did it."""

    @property
    def at(self) -> datetime: ...
    @property
    def org(self) -> str: ...
    @property
    def actor(self) -> str: ...
    @property
    def verb(self) -> str: ...
    @property
    def object(self) -> str: ...
    @property
    def digests(self) -> tuple[str, ...]: ...
    @property
    def note(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """Writes, verifies, exports and forgets."""

    engine: AsyncEngine
    clock: Callable[[], datetime]
    subjects: Subjects
    witness: Witness
    signing_key: Ed25519PrivateKey = field(repr=False)
    trusted_keys: Sequence[str] = ()
    """Hexadecimal public keys of earlier signing keys; the present one is always trusted."""

    async def append(self, conn: AsyncConnection, fact: AuditedFact) -> None:
        """Write a fact inside the caller's transaction: both happen, or neither."""
        ref = await self.subjects.ref(conn, fact.org, fact.actor)
        # The last line's number and hash, locked until the transaction ends.
        query = select(heads.c.seq, heads.c.hash).where(heads.c.org == fact.org).with_for_update()
        row = (await conn.execute(query)).one_or_none()
        if row is None:
            try:
                # In a savepoint: on PostgreSQL a statement that fails would end the caller's transaction.
                async with conn.begin_nested():
                    await conn.execute(insert(heads).values(org=fact.org, seq=0, hash=genesis(fact.org)))
            except IntegrityError:
                pass  # another transaction wrote the organisation's first line
            # Read again, under its lock: who was first may have written lines since.
            row = (await conn.execute(query)).one()
        seq, prev_hash = row.seq, row.hash
        entry = Line(
            seq=seq + 1,
            at=fact.at,
            org=fact.org,
            actor_ref=ref,
            verb=fact.verb,
            object=fact.object,
            digests=fact.digests,
            prev_hash=prev_hash,
        )
        new = sealed(entry)
        await conn.execute(insert(log).values(_LINE.dump_python(new)))
        await conn.execute(update(heads).where(heads.c.org == fact.org).values(seq=new.seq, hash=new.hash))
        await self.subjects.note(conn, fact.org, new.seq, ref, fact.note)

    async def checkpoint(self, org: str) -> Checkpoint | None:
        """Sign the present head and hand it to the witness. None while the chain is empty."""
        async with self.engine.connect() as conn:
            query = select(heads.c.seq, heads.c.hash).where(heads.c.org == org)
            head = (await conn.execute(query)).one_or_none()
        if head is None:
            return None
        signed = sign(self.signing_key, org=org, seq=head.seq, head=head.hash, at=self.clock())
        await self.witness.keep(signed)
        return signed

    async def witnessed(self) -> tuple[Checkpoint, ...]:
        """Take a checkpoint of every chain that grew since its last one. Cheap when nothing happened."""
        signed: list[Checkpoint] = []
        async with self.engine.connect() as conn:
            ends = (await conn.execute(select(heads.c.org, heads.c.seq, heads.c.hash))).all()
        for end in ends:
            last = await self.witness.latest(end.org)
            seen = last is not None and (last.seq, last.hash) == (end.seq, end.hash)
            # Line 0 is no line: a chain that was only begun has nothing to witness.
            if end.seq and not seen and (new := await self.checkpoint(end.org)):
                signed.append(new)
        return tuple(signed)

    async def organisations(self) -> tuple[str, ...]:
        """Every organisation that has a chain."""
        async with self.engine.connect() as conn:
            return tuple((await conn.execute(select(heads.c.org).order_by(heads.c.org))).scalars())

    async def verify(self, org: str) -> Verification:
        """Read the whole chain and hold it against every checkpoint the witness has."""
        checkpoints = await self.witness.kept(org)
        # A line may have several checkpoints: who rewrites the last one has its new hash signed a minute later.
        witnessed: dict[int, set[str]] = {}
        for checkpoint in checkpoints:
            witnessed.setdefault(checkpoint.seq, set()).add(checkpoint.hash)
        trusted = (self.signing_key.public_key().public_bytes_raw().hex(), *self.trusted_keys)
        forged = "this checkpoint was not signed by a trusted key"
        flaws = [
            Flaw(seq=c.seq, kind="forged_checkpoint", message=forged) for c in checkpoints if not genuine(c, trusted)
        ]
        end, count = (0, genesis(org)), 0
        async with self._snapshot() as conn:
            async with aclosing(_batches(conn, log.c.org == org)) as batches:
                async for batch in batches:
                    broken, end = flaws_in(batch, after=end)
                    flaws += broken + [
                        Flaw(seq=row.seq, kind="changed", message="a checkpoint saw another line here")
                        for row in batch
                        if witnessed.get(row.seq, {row.hash}) != {row.hash}
                    ]
                    count += len(batch)
            head = (await conn.execute(select(heads.c.seq, heads.c.hash).where(heads.c.org == org))).one_or_none()
            # A chain whose end was cut off is whole in itself: only checkpoints and the head know of the lost lines.
            for checkpoint in checkpoints:
                if checkpoint.seq > end[0]:
                    saw = f"a checkpoint of {checkpoint.at.isoformat()} saw line {checkpoint.seq}"
                    flaws.append(Flaw(seq=checkpoint.seq, kind="cut", message=f"{saw}; the log ends at {end[0]}"))
            if (tuple(head) if head else (0, genesis(org))) != end:
                flaws.append(Flaw(seq=end[0], kind="head", message="the log does not end where its head says"))
        flaws = sorted(flaws, key=lambda flaw: flaw.seq)[:_MANY]
        return Verification(org=org, lines=count, checkpoints=len(checkpoints), flaws=tuple(flaws))

    @asynccontextmanager
    async def _snapshot(self) -> AsyncGenerator[AsyncConnection]:
        """A connection that does not see lines written meanwhile; SQLite's are like that anyway."""
        postgres = self.engine.dialect.name == "postgresql"
        async with self.engine.connect() as conn:
            yield await conn.execution_options(isolation_level="REPEATABLE READ") if postgres else conn

    async def export(self, org: str, *, subject: str | None = None) -> AsyncGenerator[dict[str, Any]]:
        """Every line as JSON, with names and texts that were not erased; only one person's with ``subject``."""
        async with self.engine.connect() as conn:
            where, names = log.c.org == org, await self.subjects.names(conn, org)
            if subject is not None:
                ref = await self.subjects.find(conn, org, subject)
                if ref is None:
                    return
                where &= log.c.actor_ref == ref
            async with aclosing(_batches(conn, where)) as batches:
                async for batch in batches:
                    texts = await self.subjects.texts(conn, org, batch[0].seq, batch[-1].seq)
                    for entry in batch:
                        document: dict[str, Any] = _LINE.dump_python(entry, mode="json")
                        yield {**document, "actor": names.get(entry.actor_ref), "note": texts.get(entry.seq, "")}

    async def erase(self, conn: AsyncConnection, org: str, subject: str) -> str | None:
        """Destroy a person's key inside the caller's transaction. Returns the pseudonym that remains."""
        return await self.subjects.erase(conn, org, subject)


async def _batches(conn: AsyncConnection, where: ColumnElement[bool]) -> AsyncGenerator[list[Line]]:
    last = 0
    while True:
        # By number and not by offset: a long chain is read once, whatever is appended meanwhile.
        query = select(log).where(where, log.c.seq > last).order_by(log.c.seq).limit(_BATCH)
        rows = (await conn.execute(query)).mappings().all()
        if not rows:
            return
        last = rows[-1]["seq"]
        yield [_LINE.validate_python(dict(row)) for row in rows]
