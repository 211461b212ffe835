"""Content in a bucket: which objects of it are the files of which run, and which keys an installation has."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A file that recorded no revision got its missing tables before.
    if not op.get_context().as_sql and sa.inspect(op.get_bind()).has_table("content_segments"):
        return
    op.create_table(
        "content_segments",
        sa.Column("run", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("run", "number"),
    )
    op.create_table(
        "key_fingerprints",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )


def downgrade() -> None:
    op.drop_table("key_fingerprints")
    op.drop_table("content_segments")
