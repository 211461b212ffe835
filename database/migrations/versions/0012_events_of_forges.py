"""Events of forges: what web hooks of GitHub and GitLab let in, until it is done and answered."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A file that recorded no revision got its missing tables before.
    if not op.get_context().as_sql and sa.inspect(op.get_bind()).has_table("forge_events"):
        return
    op.create_table(
        "forge_events",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("hook", sa.String(length=100), nullable=False),
        sa.Column("org", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("place", sa.String(length=400), nullable=False),
        sa.Column("body_digest", sa.String(length=64), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("outside", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("leader", sa.String(length=64), nullable=True),
        sa.Column("asked", sa.JSON(), nullable=True),
        sa.Column("thread", sa.String(length=64), nullable=True),
        sa.Column("turn", sa.String(length=64), nullable=True),
        sa.Column("shown", sa.String(length=64), nullable=False),
        sa.Column("code", sa.String(length=100), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    for column in ("due_at", "org", "place", "thread"):
        op.create_index(op.f(f"ix_forge_events_{column}"), "forge_events", [column], unique=False)


def downgrade() -> None:
    for column in ("thread", "place", "org", "due_at"):
        op.drop_index(op.f(f"ix_forge_events_{column}"), table_name="forge_events")
    op.drop_table("forge_events")
