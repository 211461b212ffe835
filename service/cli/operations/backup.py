"""``signoff backup`` and ``signoff restore``: an installation in a folder, and back on an empty machine."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from database import now
from service.backup.backup import back_up
from service.backup.keys import read_passphrase
from service.backup.restore import restore as restore_backup
from service.cli.terminal import JSON, err, out, print_json
from service.cli.terminal import run as run_async
from service.settings import read_settings

PASSPHRASE = typer.Option(
    "--passphrase-file", help="File whose first line encrypts the keys. Without it a backup has no keys."
)


def backup(
    to: Annotated[Path, typer.Argument(help="Folder to make; it must not be there yet.")],
    passphrase_file: Annotated[Path | None, PASSPHRASE] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Copy the installation into a folder, while it goes on: rows, checkpoints, content of runs, audit, keys.

    Servers and runs need not stop. The folder gets its name when everything is in it. It has the code of repositories:
    keep it as you keep those. Settings and the content of a bucket are not in it.

    Examples:
      signoff backup /backups/monday --passphrase-file /etc/signoff/passphrase
    """

    async def work() -> None:
        passphrase = read_passphrase(passphrase_file) if passphrase_file else None
        manifest = await back_up(read_settings(), to, passphrase=passphrase, clock=now, progress=_progress())
        if as_json:
            print_json(
                {
                    "folder": str(to.absolute()),
                    "version": manifest.version,
                    "revision": manifest.revision,
                    "database": manifest.database,
                    "rows_at": manifest.rows_at.isoformat(),
                    "runs": manifest.runs,
                    "files": len(manifest.files),
                    "size_bytes": manifest.size_bytes,
                    "keys": manifest.keys,
                    "bucket": manifest.bucket,
                }
            )
            return
        size = f"{manifest.size_bytes / (1 << 20):,.1f} MB"
        out().print(f"{to}: {manifest.runs} runs, {len(manifest.files)} files, {size}", highlight=False, soft_wrap=True)
        if manifest.keys == "none":
            err().print("The keys are not in it: keep a copy of the folder `keys`, or give --passphrase-file.")
        if manifest.bucket:
            err().print(f"The content of all other runs is in the bucket {manifest.bucket}, and not in the backup.")

    run_async(work, as_json=as_json)


def restore(
    source: Annotated[Path, typer.Argument(metavar="FROM", help="Folder that `signoff backup` made.")],
    passphrase_file: Annotated[Path | None, PASSPHRASE] = None,
    without_keys: Annotated[
        bool, typer.Option("--without-keys", help="Leave the keys out, also where the backup has them.")
    ] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Make an installation from a backup, in an empty home and an empty database, migrated to this version.

    The home is SIGNOFF_HOME; a backup of PostgreSQL needs SIGNOFF_DATABASE_URL, too. Every file is compared with the
    manifest, and nothing is overwritten. Until it ends there is nothing. Stop what the backup was made from for good
    before you start a server here: two would deliver the same runs.

    Examples:
      SIGNOFF_HOME=/srv/signoff signoff restore /backups/monday --passphrase-file /etc/signoff/passphrase
    """

    async def work() -> None:
        settings = read_settings()
        passphrase = read_passphrase(passphrase_file) if passphrase_file else None
        restored = await restore_backup(
            settings, source, passphrase=passphrase, without_keys=without_keys, progress=_progress()
        )
        if as_json:
            print_json(
                {
                    "home": str(settings.home),
                    "made_by": restored.manifest.version,
                    "rows_at": restored.manifest.rows_at.isoformat(),
                    "revision_before": restored.manifest.revision,
                    "revision": restored.revision,
                    "runs": restored.manifest.runs,
                    "files": len(restored.manifest.files),
                    "keys": restored.keys,
                }
            )
            return
        at = restored.manifest.rows_at.isoformat(timespec="seconds")
        out().print(f"{settings.home}: as of {at}, {restored.manifest.runs} runs", highlight=False, soft_wrap=True)
        if not restored.keys:
            err().print("It has no keys: copy the folder `keys` of the installation here before you start anything.")

    run_async(work, as_json=as_json)


def _progress() -> Callable[[str], None]:
    console = err()
    return lambda line: console.print(f"[dim]{line}[/]", highlight=False)
