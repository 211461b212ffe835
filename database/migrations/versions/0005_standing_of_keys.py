"""How the holder of a key stands: which models they may have, and how often."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("api_keys", sa.Column("standing", sa.String(length=200), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("api_keys", "standing")
