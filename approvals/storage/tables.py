"""Tables of approvals, in the one dialect that SQLite and PostgreSQL share."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)
from sqlalchemy.ext.asyncio import AsyncEngine

from database import Instant, Json, writing


async def create_all(engine: AsyncEngine) -> None:
    """Make the tables where they are missing: for an embedded SQLite. Servers run the migrations."""
    async with writing(engine) as conn:
        await conn.run_sync(metadata.create_all)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

ballots = Table(
    "ballots",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("org", String(300), nullable=False),
    Column("run", String(300), nullable=False),
    Column("step", Text, nullable=False),
    Column("action", Json, nullable=False),
    Column("action_digest", String(80), nullable=False),
    Column("context_digest", String(80), nullable=False),
    Column("nonce", String(64), nullable=False),
    Column("risk", Json, nullable=False),
    Column("requirement", Json, nullable=False),
    Column("requester", String(300), nullable=False),
    Column("editor", String(300), nullable=False),
    Column("state", String(20), nullable=False),
    Column("diff", Json, nullable=False),
    Column("feedback", Json, nullable=False),
    Column("supersedes", String(36), nullable=False),
    Column("superseded_by", String(36), nullable=False),
    Column("grant", String(36), nullable=False),
    Column("rejects", Integer, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("use_by", Instant),
    Column("decided_at", Instant),
    Column("escalated_at", Instant),
    Column("contributors", Json, nullable=False, server_default="[]"),
    Column("handed_to", String(300), nullable=False, server_default=""),
    CheckConstraint(
        "state IN ('pending', 'approved', 'rejected', 'expired', 'cancelled', 'superseded', "
        "'consumed', 'executed', 'failed', 'stale')",
        name="state",
    ),
    Index(None, "org", "created_at", "id"),
    Index(None, "org", "run", "state"),
    Index(None, "state", "expires_at"),
)

votes = Table(
    "votes",
    metadata,
    Column("ballot", ForeignKey("ballots.id"), primary_key=True),
    Column("person", String(64), primary_key=True),  # one vote per human, kept by the database, too
    Column("voter", String(300), nullable=False),
    Column("choice", String(10), nullable=False),
    Column("action_digest", String(80), nullable=False),
    Column("voted_at", Instant, nullable=False),
    Column("comment", Json, nullable=False),
    Column("surface", String(20), nullable=False),
    Column("self_approved", Integer, nullable=False),
    CheckConstraint("choice IN ('approve', 'reject')", name="choice"),
)

grants = Table(
    "grants",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("org", String(300), nullable=False),
    Column("run", String(300), nullable=False),
    Column("ballot", ForeignKey("ballots.id"), nullable=False),
    Column("granted_by", String(300), nullable=False),
    Column("tier", String(10), nullable=False),
    Column("requirement", Json, nullable=False),
    Column("tool", String(40), nullable=False),
    Column("pins", Json, nullable=False),
    Column("left_open", Json, nullable=False),
    Column("uses_left", Integer, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    CheckConstraint("uses_left >= 0", name="uses_left"),
    Index(None, "org", "run"),
)

kills = Table(
    "kills",
    metadata,
    Column("org", String(300), primary_key=True),
    Column("run", String(300), primary_key=True),
    Column("killed_by", String(300), nullable=False),
    Column("killed_at", Instant, nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("id", String(40), nullable=False, unique=True),
    Column("org", String(300), nullable=False),
    Column("endpoint", String(100), nullable=False),
    Column("letter", Json, nullable=False),
    Column("state", String(10), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("sent_at", Instant),
    Column("error", Json, nullable=False),
    Column("kind", String(10), nullable=False, server_default="approval"),
    Column("run", String(300), nullable=False, server_default=""),
    Column("url", Text, nullable=False, server_default=""),
    Column("body", LargeBinary),
    CheckConstraint("state IN ('waiting', 'sent', 'dead')", name="state"),
    Index(None, "state", "due_at"),
    Index(None, "org", "seq"),
    Index(None, "run"),
)

received = Table(
    "received",
    metadata,
    Column("integration", String(100), primary_key=True),
    Column("id", String(300), primary_key=True),
    Column("body_digest", String(80), nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("answer", Json),
    Index(None, "received_at"),
)

links = Table(
    "links",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("used_at", Instant, nullable=False),
    Index(None, "used_at"),
)

notices = Table(
    "notices",
    metadata,
    Column("org", String(300), primary_key=True),
    Column("subject", String(300), primary_key=True),
    Column("channel", String(100), primary_key=True),
    Column("whose", String(10), nullable=False),
    CheckConstraint("whose IN ('own', 'all')", name="whose"),
)
