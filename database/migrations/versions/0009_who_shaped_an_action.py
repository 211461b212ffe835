"""Who shaped an action besides its requester, and the names of service accounts."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A file that recorded no revision got its missing columns and tables before.
    if not op.get_context().as_sql and sa.inspect(op.get_bind()).has_table("service_accounts"):
        return
    op.add_column("ballots", sa.Column("contributors", sa.Text(), nullable=False, server_default="[]"))
    op.create_table(
        "service_accounts",
        sa.Column("org", sa.String(length=200), nullable=False),
        sa.Column("subject", sa.String(length=300), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("org", "subject"),
    )


def downgrade() -> None:
    op.drop_table("service_accounts")
    op.drop_column("ballots", "contributors")
