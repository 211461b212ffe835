"""Outcomes of models: what the router learns from, by the kind of failure."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A file that recorded no revision got its missing tables before.
    if not op.get_context().as_sql and sa.inspect(op.get_bind()).has_table("model_outcomes"):
        return
    op.create_table(
        "model_outcomes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("org", sa.String(length=200), nullable=False),
        sa.Column("run", sa.String(length=200), nullable=False),
        sa.Column("failure", sa.String(length=40), nullable=False),
        sa.Column("model", sa.String(length=200), nullable=False),
        sa.Column("succeeded", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("model_outcomes_by_failure", "model_outcomes", ["org", "failure", "at"], unique=False)
    op.create_index("model_outcomes_by_run", "model_outcomes", ["org", "run"], unique=False)


def downgrade() -> None:
    op.drop_index("model_outcomes_by_run", table_name="model_outcomes")
    op.drop_index("model_outcomes_by_failure", table_name="model_outcomes")
    op.drop_table("model_outcomes")
