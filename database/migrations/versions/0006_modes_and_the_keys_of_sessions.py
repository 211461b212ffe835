"""The mode of an organisation, as every process sees it; and what a session was opened with."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "modes",
        sa.Column("org", sa.String(length=200), primary_key=True),
        sa.Column("mode", sa.String(length=4), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.add_column("api_keys", sa.Column("made_from", sa.String(length=40), nullable=False, server_default=""))
    op.add_column("api_keys", sa.Column("generation", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("api_keys", "generation")
    op.drop_column("api_keys", "made_from")
    op.drop_table("modes")
