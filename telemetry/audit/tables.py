"""The tables of the audit. The log itself refuses UPDATE and DELETE, in the database."""

from sqlalchemy import (
    DDL,
    BigInteger,
    Column,
    Index,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    event,
)
from sqlalchemy.ext.asyncio import AsyncEngine

from database import Instant, Json

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

log = Table(
    "audit_log",
    metadata,
    Column("org", String(300), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("actor_ref", String(40), nullable=False),
    Column("verb", String(100), nullable=False),
    Column("object", Json, nullable=False),
    Column("digests", Json, nullable=False),
    Column("prev_hash", String(80), nullable=False),
    Column("hash", String(80), nullable=False),
    Index(None, "org", "actor_ref"),
)

heads = Table(
    "audit_heads",
    metadata,
    Column("org", String(300), primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("hash", String(80), nullable=False),
)

subjects = Table(
    "audit_subjects",
    metadata,
    Column("ref", String(40), primary_key=True),
    Column("org", String(300), nullable=False),
    Column("lookup", String(64)),  # keyed hash of the name; gone once erased
    Column("key", LargeBinary),  # the subject's key, wrapped by the master key; gone once erased
    Column("name", LargeBinary, nullable=False),
    UniqueConstraint("org", "lookup"),
)

notes = Table(
    "audit_notes",
    metadata,
    Column("org", String(300), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("ref", String(40), nullable=False),
    Column("text", LargeBinary, nullable=False),
    Index(None, "ref"),
)

SQLITE_GUARDS = tuple(
    f"CREATE TRIGGER audit_log_no_{verb.lower()} BEFORE {verb} ON audit_log "
    "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"
    for verb in ("UPDATE", "DELETE")
)

POSTGRES_GUARDS = (
    """CREATE FUNCTION audit_log_append_only() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$""",
    # FOR EACH STATEMENT: a trigger for rows does not see TRUNCATE.
    """CREATE TRIGGER audit_log_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION audit_log_append_only()""",
)

for _guard in SQLITE_GUARDS:
    event.listen(log, "after_create", DDL(_guard).execute_if(dialect="sqlite"))
for _guard in POSTGRES_GUARDS:
    event.listen(log, "after_create", DDL(_guard).execute_if(dialect="postgresql"))


async def create_audit(engine: AsyncEngine) -> None:
    """Make the tables where they are missing: for an embedded SQLite. Servers run the migrations."""
    async with engine.connect() as plain:
        conn = await plain.execution_options(writes=True)
        async with conn.begin():
            await conn.run_sync(metadata.create_all)
