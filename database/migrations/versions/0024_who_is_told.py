"""Who is told of what went ahead by policy, by which channel; and an index by which the newest runs are listed."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE INDEX IF NOT EXISTS ix_runs_newest ON runs (org, created_at, id)")
    # A file that recorded no revision got its missing tables before.
    if not op.get_context().as_sql and sa.inspect(op.get_bind()).has_table("notices"):
        return
    op.create_table(
        "notices",
        sa.Column("org", sa.String(length=300), nullable=False),
        sa.Column("subject", sa.String(length=300), nullable=False),
        sa.Column("channel", sa.String(length=100), nullable=False),
        sa.Column("whose", sa.String(length=10), nullable=False),
        sa.CheckConstraint("whose IN ('own', 'all')", name=op.f("ck_notices_whose")),
        sa.PrimaryKeyConstraint("org", "subject", "channel", name=op.f("pk_notices")),
    )


def downgrade() -> None:
    op.drop_table("notices")
    op.drop_index("ix_runs_newest", "runs")
