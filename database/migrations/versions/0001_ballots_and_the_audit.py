"""Ballots and the audit."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

GUARDS = {
    "sqlite": [
        f"CREATE TRIGGER audit_log_no_{verb.lower()} BEFORE {verb} ON audit_log "
        "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"
        for verb in ("UPDATE", "DELETE")
    ],
    "postgresql": [
        """CREATE FUNCTION audit_log_append_only() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$""",
        """CREATE TRIGGER audit_log_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION audit_log_append_only()""",
    ],
}


def upgrade() -> None:
    op.create_table(
        "ballots",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("org", sa.String(length=300), nullable=False),
        sa.Column("run", sa.String(length=300), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("action_digest", sa.String(length=80), nullable=False),
        sa.Column("context_digest", sa.String(length=80), nullable=False),
        sa.Column("nonce", sa.String(length=64), nullable=False),
        sa.Column("risk", sa.Text(), nullable=False),
        sa.Column("requirement", sa.Text(), nullable=False),
        sa.Column("requester", sa.String(length=300), nullable=False),
        sa.Column("editor", sa.String(length=300), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("diff", sa.Text(), nullable=False),
        sa.Column("feedback", sa.Text(), nullable=False),
        sa.Column("supersedes", sa.String(length=36), nullable=False),
        sa.Column("superseded_by", sa.String(length=36), nullable=False),
        sa.Column("grant", sa.String(length=36), nullable=False),
        sa.Column("rejects", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("use_by", sa.BigInteger(), nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("escalated_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "state IN ('pending', 'approved', 'rejected', 'expired', 'cancelled', 'superseded', "
            "'consumed', 'executed', 'failed', 'stale')",
            name=op.f("ck_ballots_state"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ballots")),
    )
    op.create_index(op.f("ix_ballots_org_created_at_id"), "ballots", ["org", "created_at", "id"], unique=False)
    op.create_index(op.f("ix_ballots_org_run_state"), "ballots", ["org", "run", "state"], unique=False)
    op.create_index(op.f("ix_ballots_state_expires_at"), "ballots", ["state", "expires_at"], unique=False)
    op.create_table(
        "kills",
        sa.Column("org", sa.String(length=300), nullable=False),
        sa.Column("run", sa.String(length=300), nullable=False),
        sa.Column("killed_by", sa.String(length=300), nullable=False),
        sa.Column("killed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("org", "run", name=op.f("pk_kills")),
    )
    op.create_table(
        "links",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_links")),
    )
    op.create_index(op.f("ix_links_used_at"), "links", ["used_at"], unique=False)
    op.create_table(
        "outbox",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("org", sa.String(length=300), nullable=False),
        sa.Column("endpoint", sa.String(length=100), nullable=False),
        sa.Column("letter", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.CheckConstraint("state IN ('waiting', 'sent', 'dead')", name=op.f("ck_outbox_state")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_outbox")),
        sa.UniqueConstraint("id", name=op.f("uq_outbox_id")),
    )
    op.create_index(op.f("ix_outbox_org_seq"), "outbox", ["org", "seq"], unique=False)
    op.create_index(op.f("ix_outbox_state_due_at"), "outbox", ["state", "due_at"], unique=False)
    op.create_table(
        "received",
        sa.Column("integration", sa.String(length=100), nullable=False),
        sa.Column("id", sa.String(length=300), nullable=False),
        sa.Column("body_digest", sa.String(length=80), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("integration", "id", name=op.f("pk_received")),
    )
    op.create_index(op.f("ix_received_received_at"), "received", ["received_at"], unique=False)
    op.create_table(
        "grants",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("org", sa.String(length=300), nullable=False),
        sa.Column("run", sa.String(length=300), nullable=False),
        sa.Column("ballot", sa.String(length=36), nullable=False),
        sa.Column("granted_by", sa.String(length=300), nullable=False),
        sa.Column("tier", sa.String(length=10), nullable=False),
        sa.Column("requirement", sa.Text(), nullable=False),
        sa.Column("tool", sa.String(length=40), nullable=False),
        sa.Column("pins", sa.Text(), nullable=False),
        sa.Column("left_open", sa.Text(), nullable=False),
        sa.Column("uses_left", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("uses_left >= 0", name=op.f("ck_grants_uses_left")),
        sa.ForeignKeyConstraint(["ballot"], ["ballots.id"], name=op.f("fk_grants_ballot")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_grants")),
    )
    op.create_index(op.f("ix_grants_org_run"), "grants", ["org", "run"], unique=False)
    op.create_table(
        "votes",
        sa.Column("ballot", sa.String(length=36), nullable=False),
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("voter", sa.String(length=300), nullable=False),
        sa.Column("choice", sa.String(length=10), nullable=False),
        sa.Column("action_digest", sa.String(length=80), nullable=False),
        sa.Column("voted_at", sa.BigInteger(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("surface", sa.String(length=20), nullable=False),
        sa.Column("self_approved", sa.Integer(), nullable=False),
        sa.CheckConstraint("choice IN ('approve', 'reject')", name=op.f("ck_votes_choice")),
        sa.ForeignKeyConstraint(["ballot"], ["ballots.id"], name=op.f("fk_votes_ballot")),
        sa.PrimaryKeyConstraint("ballot", "person", name=op.f("pk_votes")),
    )
    op.create_table(
        "audit_heads",
        sa.Column("org", sa.String(length=300), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("org", name=op.f("pk_audit_heads")),
    )
    op.create_table(
        "audit_log",
        sa.Column("org", sa.String(length=300), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor_ref", sa.String(length=40), nullable=False),
        sa.Column("verb", sa.String(length=100), nullable=False),
        sa.Column("object", sa.Text(), nullable=False),
        sa.Column("digests", sa.Text(), nullable=False),
        sa.Column("prev_hash", sa.String(length=80), nullable=False),
        sa.Column("hash", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("org", "seq", name=op.f("pk_audit_log")),
    )
    op.create_index(op.f("ix_audit_log_org_actor_ref"), "audit_log", ["org", "actor_ref"], unique=False)
    op.create_table(
        "audit_notes",
        sa.Column("org", sa.String(length=300), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ref", sa.String(length=40), nullable=False),
        sa.Column("text", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("org", "seq", name=op.f("pk_audit_notes")),
    )
    op.create_index(op.f("ix_audit_notes_ref"), "audit_notes", ["ref"], unique=False)
    op.create_table(
        "audit_subjects",
        sa.Column("ref", sa.String(length=40), nullable=False),
        sa.Column("org", sa.String(length=300), nullable=False),
        sa.Column("lookup", sa.String(length=64), nullable=True),
        sa.Column("key", sa.LargeBinary(), nullable=True),
        sa.Column("name", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("ref", name=op.f("pk_audit_subjects")),
        sa.UniqueConstraint("org", "lookup", name=op.f("uq_audit_subjects_org_lookup")),
    )
    for statement in GUARDS[op.get_bind().dialect.name]:
        op.execute(statement)


def downgrade() -> None:
    for table in (
        "votes",
        "grants",
        "ballots",
        "kills",
        "links",
        "outbox",
        "received",
        "audit_heads",
        "audit_log",
        "audit_notes",
        "audit_subjects",
    ):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_log_append_only()")
