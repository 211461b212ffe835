"""Decisions about models, their quotas, the budgets they are paid from, and the answers that are kept."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "decisions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        *(
            sa.Column(name, sa.String(length=200), nullable=False)
            for name in ("org", "run", "user", "role", "kind", "tier", "strategy")
        ),
        sa.Column("candidates", sa.Text(), nullable=False),
        sa.Column("choice", sa.String(length=200), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        *(
            sa.Column(name, sa.BigInteger(), nullable=False)
            for name in ("tokens_in", "tokens_out", "tokens_cached", "cost_nano")
        ),
        sa.Column("latency_ms", sa.Float(), nullable=False),
        sa.Column("outcome", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("decisions_by_org", "decisions", ["org", "at"], unique=False)
    op.create_index("decisions_by_run", "decisions", ["org", "run"], unique=False)
    op.create_table(
        "model_answers",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("shelf", sa.String(length=64), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("until", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index("model_answers_by_shelf", "model_answers", ["shelf", "until"], unique=False)
    op.create_table(
        "model_budgets",
        sa.Column("account", sa.String(length=500), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost_nano", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account"),
    )
    op.create_table(
        "model_calls",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=500), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("model_calls_by_name", "model_calls", ["name", "at"], unique=False)
    op.create_table(
        "model_reservations",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("account", sa.String(length=500), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost_nano", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("model_reservations_by_account", "model_reservations", ["account", "until"], unique=False)


def downgrade() -> None:
    for table in ("model_reservations", "model_calls", "model_budgets", "model_answers", "decisions"):
        op.drop_table(table)
