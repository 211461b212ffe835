"""What several servers share: the record of streams, rates; and a fence before checkpoints."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

FENCE = """CREATE FUNCTION ensure_lease(asked_run text, asked_generation integer) RETURNS void LANGUAGE plpgsql AS
$$ BEGIN
    PERFORM 1 FROM runs WHERE id = asked_run AND generation = asked_generation FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'lease lost' USING ERRCODE = 'SG001';
    END IF;
END $$"""


def upgrade() -> None:
    op.create_table(
        "turn_events",
        sa.Column("turn", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("event", sa.String(length=300), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("said_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("turn", "seq"),
    )
    op.create_index("ix_turn_events_said_at", "turn_events", ["said_at"], unique=False)
    op.create_table(
        "rates",
        sa.Column("name", sa.String(length=400), nullable=False),
        sa.Column("minute", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hits", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", "minute"),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(FENCE)


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION ensure_lease(text, integer)")
    for table in ("rates", "turn_events"):
        op.drop_table(table)
