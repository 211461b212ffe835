"""Vectors of texts, by hash: what an embedding model said, until it is asked again."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A file that recorded no revision got its missing tables before.
    if not op.get_context().as_sql and sa.inspect(op.get_bind()).has_table("model_vectors"):
        return
    op.create_table(
        "model_vectors",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", sa.Float(), nullable=False),
        sa.Column("used_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index("model_vectors_by_use", "model_vectors", ["used_at"], unique=False)


def downgrade() -> None:
    op.drop_index("model_vectors_by_use", table_name="model_vectors")
    op.drop_table("model_vectors")
