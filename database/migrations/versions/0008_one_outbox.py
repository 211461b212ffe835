"""One outbox: the letters of runs move to those of approvals, and each says which run it is about."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

RUN_OF_APPROVALS = {
    "sqlite": "UPDATE outbox SET run = coalesce(json_extract(letter, '$.run'), '')",
    "postgresql": "UPDATE outbox SET run = coalesce(letter::json->>'run', '')",
}
# A body begins with {"type":"run.success","data": and this is the word between the second pair of quotes.
MOVED = {
    "sqlite": """
        INSERT INTO outbox (id, org, endpoint, letter, state, attempts, due_at, created_at, error, kind, run, url, body)
        SELECT l.id, l.org, '',
            json_object(
                'topic', substr(CAST(substr(l.body, 10, 30) AS TEXT), 1,
                    instr(CAST(substr(l.body, 10, 30) AS TEXT), '"') - 1),
                'run', coalesce(t.thread, ''), 'turn', l.turn),
            l.state, l.attempts,
            CAST(strftime('%s', substr(l.due_at, 1, 19)) AS INTEGER) * 1000000
                + CAST(substr(l.due_at || '.000000', 21, 6) AS INTEGER),
            CAST(strftime('%s', substr(l.created_at, 1, 19)) AS INTEGER) * 1000000
                + CAST(substr(l.created_at || '.000000', 21, 6) AS INTEGER),
            json_quote(l.error), 'run', coalesce(t.thread, ''), l.url, l.body
        FROM run_letters AS l LEFT JOIN turns AS t ON t.id = l.turn ORDER BY l.created_at, l.id""",
    "postgresql": """
        INSERT INTO outbox (id, org, endpoint, letter, state, attempts, due_at, created_at, error, kind, run, url, body)
        SELECT l.id, l.org, '',
            json_build_object(
                'topic', split_part(encode(substring(l.body from 10 for 30), 'escape'), '"', 1),
                'run', coalesce(t.thread, ''), 'turn', l.turn)::text,
            l.state, l.attempts,
            floor(extract(epoch from l.due_at) * 1000000)::bigint,
            floor(extract(epoch from l.created_at) * 1000000)::bigint,
            to_json(l.error)::text, 'run', coalesce(t.thread, ''), l.url, l.body
        FROM run_letters AS l LEFT JOIN turns AS t ON t.id = l.turn ORDER BY l.created_at, l.id""",
}
MOVED_BACK = {
    "sqlite": """
        INSERT INTO run_letters (id, org, turn, url, body, state, attempts, due_at, created_at, error)
        SELECT id, org, json_extract(letter, '$.turn'), url, body, state, attempts,
            strftime('%Y-%m-%d %H:%M:%S', due_at / 1000000, 'unixepoch') || printf('.%06d', due_at % 1000000),
            strftime('%Y-%m-%d %H:%M:%S', created_at / 1000000, 'unixepoch') || printf('.%06d', created_at % 1000000),
            json_extract(error, '$')
        FROM outbox WHERE kind = 'run'""",
    "postgresql": """
        INSERT INTO run_letters (id, org, turn, url, body, state, attempts, due_at, created_at, error)
        SELECT id, org, letter::json->>'turn', url, body, state, attempts,
            to_timestamp(due_at / 1000000.0), to_timestamp(created_at / 1000000.0), error::json#>>'{}'
        FROM outbox WHERE kind = 'run'""",
}


def upgrade() -> None:
    dialect = op.get_context().dialect.name
    # A file that recorded no revision got its missing columns before.
    offline = op.get_context().as_sql
    columns = () if offline else {column["name"] for column in sa.inspect(op.get_bind()).get_columns("outbox")}
    if "kind" not in columns:
        op.add_column("outbox", sa.Column("kind", sa.String(length=10), nullable=False, server_default="approval"))
        op.add_column("outbox", sa.Column("run", sa.String(length=300), nullable=False, server_default=""))
        op.add_column("outbox", sa.Column("url", sa.Text(), nullable=False, server_default=""))
        op.add_column("outbox", sa.Column("body", sa.LargeBinary(), nullable=True))
    op.create_index(op.f("ix_outbox_run"), "outbox", ["run"], unique=False)
    op.execute(RUN_OF_APPROVALS[dialect])
    op.execute(MOVED[dialect])
    op.drop_index("ix_run_letters_state", table_name="run_letters")
    op.drop_table("run_letters")


def downgrade() -> None:
    op.create_table(
        "run_letters",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("org", sa.String(length=200), nullable=False),
        sa.Column("turn", sa.String(length=64), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_run_letters_state", "run_letters", ["state"], unique=False)
    op.execute(MOVED_BACK[op.get_context().dialect.name])
    op.execute("DELETE FROM outbox WHERE kind = 'run'")
    op.drop_index(op.f("ix_outbox_run"), table_name="outbox")
    for column in ("body", "url", "run", "kind"):
        op.drop_column("outbox", column)
