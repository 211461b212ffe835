"""Whom an approval is left to: a signer hands a question on to a colleague."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if not op.get_context().as_sql:  # a file that recorded no revision may have it
        columns = [column["name"] for column in sa.inspect(op.get_bind()).get_columns("ballots")]
        if "handed_to" in columns:
            return
    with op.batch_alter_table("ballots") as table:
        table.add_column(sa.Column("handed_to", sa.String(length=300), server_default="", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("ballots") as table:
        table.drop_column("handed_to")
