"""Plans of organisations: who has which, what was used of a month, and the messages of payment providers."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A file that recorded no revision got its missing tables before.
    if not op.get_context().as_sql and sa.inspect(op.get_bind()).has_table("plan_usage"):
        return
    op.create_table(
        "plan_accounts",
        sa.Column("org", sa.String(length=200), nullable=False),
        sa.Column("chosen", sa.String(length=100), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("org"),
    )
    op.create_table(
        "plan_subscriptions",
        sa.Column("provider", sa.String(length=40), nullable=False),
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("customer", sa.String(length=200), nullable=False),
        sa.Column("org", sa.String(length=200), nullable=False),
        sa.Column("plan", sa.String(length=100), nullable=False),
        sa.Column("plan_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("plan_by", sa.String(length=300), nullable=False),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed", sa.Boolean(), nullable=False),
        sa.Column("failures", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("provider", "id"),
    )
    op.create_index(op.f("ix_plan_subscriptions_org"), "plan_subscriptions", ["org"], unique=False)
    op.create_index("plan_subscriptions_by_customer", "plan_subscriptions", ["provider", "customer"], unique=False)
    op.create_table(
        "payment_events",
        sa.Column("provider", sa.String(length=40), nullable=False),
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("provider", "id"),
    )
    op.create_table(
        "plan_usage",
        sa.Column("org", sa.String(length=200), nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("runs", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("org", "month"),
    )
    op.create_table(
        "plan_reservations",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("org", sa.String(length=200), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("plan_reservations_by_org", "plan_reservations", ["org", "until"], unique=False)
    op.create_table(
        "plan_notices",
        sa.Column("org", sa.String(length=200), nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("meter", sa.String(length=20), nullable=False),
        sa.Column("level", sa.String(length=10), nullable=False),
        sa.Column("most", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("org", "month", "meter", "level", "most"),
    )


def downgrade() -> None:
    for name in (
        "plan_notices",
        "plan_reservations",
        "plan_usage",
        "payment_events",
        "plan_subscriptions",
        "plan_accounts",
    ):
        op.drop_table(name)
