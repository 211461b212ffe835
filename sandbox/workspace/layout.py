"""Layout of the content store on disk."""

import hashlib
import os
import re
import shutil
from pathlib import Path

TEXTS = ("config", "HEAD", "shallow", "pinned.json", "submodules.json", "environment")
"""Files of a run's folder beside its objects and refs."""


def plain(name: str) -> str:
    """Return a name that is safe as a file name and as part of a ref, different for different names.

    No name that is safe as it is has a dot in it, so none is what another one is turned into: clients choose ids.
    """
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-")[:80]
    return plain if plain and plain == name else f"{plain or 'odd'}.{hashlib.sha256(name.encode()).hexdigest()[:32]}"


def ref_of(run: str, label: str) -> str:
    return f"refs/signoff/{plain(run)}/{plain(label)}"


def write_text(path: Path, text: str) -> None:
    """Replace a file at once: a crash leaves the old or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.write_text(text, encoding="utf-8", errors="surrogateescape")
    part.replace(path)


def copy(source: Path, target: Path, old: str, new: str) -> None:
    # Hard links: objects never change, so two runs can share them.
    shutil.copytree(source / "objects", target / "objects", copy_function=os.link, dirs_exist_ok=True)
    for name in TEXTS:
        if (source / name).exists():
            shutil.copy2(source / name, target / name)
    shutil.copytree(source / "refs" / "signoff" / old, target / "refs" / "signoff" / new, dirs_exist_ok=True)
