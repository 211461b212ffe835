"""Memories: of which run an item of the store was learnt, and the vectors of their texts."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A file that recorded no revision got its missing columns and tables before.
    if not op.get_context().as_sql and sa.inspect(op.get_bind()).has_table("memory_vectors"):
        return
    op.add_column("items", sa.Column("run", sa.String(length=64), nullable=True))
    op.create_index(op.f("ix_items_run"), "items", ["run"], unique=False)
    op.create_table(
        "memory_vectors",
        sa.Column("org", sa.String(length=200), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("model", sa.String(length=300), nullable=False),
        sa.Column(
            "vector",
            sa.LargeBinary().with_variant(postgresql.ARRAY(postgresql.REAL), "postgresql"),
            nullable=False,
        ),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("org", "digest", "model"),
    )
    op.create_index(op.f("ix_memory_vectors_used_at"), "memory_vectors", ["used_at"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_memory_vectors_used_at"), table_name="memory_vectors")
    op.drop_table("memory_vectors")
    op.drop_index(op.f("ix_items_run"), table_name="items")
    op.drop_column("items", "run")
