"""Who shaped an action besides its requester, and the names of service accounts."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
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
