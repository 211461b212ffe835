"""Write the next revision of the tables: ``.venv/bin/python scripts/revision.py 'What it is for'``.

It compares the tables of the code with those that the revisions make, in a database of its own. Read what it wrote,
then raise ``HEAD`` in ``database/migrations/__init__.py``.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from alembic import command
from sqlalchemy import create_engine

from database.migrations import HEAD, configuration, upgrade
from service.storage.schema import EVERY_ROOM


def write(message: str) -> None:
    with create_engine("sqlite://").connect() as connection:
        upgrade(connection)
        config = configuration(connection)
        config.attributes["tables"] = list(EVERY_ROOM)
        command.revision(config, message, autogenerate=True, rev_id=f"{int(HEAD) + 1:04}")


if __name__ == "__main__":
    if len(sys.argv) != 2:  # noqa: PLR2004
        raise SystemExit(__doc__)
    write(sys.argv[1])
