"""Zip application: packs the half that runs in the sandbox into one archive for any Python 3.9 or newer."""

import io
import zipfile
from pathlib import Path

PACKAGE = "signoff_repair_inside"
_ENTRY = f"""\
import sys
import zipfile
from pathlib import Path

here = Path(sys.argv[0]).resolve()
with zipfile.ZipFile(here) as archive:
    archive.extractall(here.parent / "lib")
sys.path.insert(0, str(here.parent / "lib"))
sys.dont_write_bytecode = True
from {PACKAGE}.__main__ import main

main()
"""


def bundle() -> bytes:
    """Return the archive: same bytes for same sources."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        # Entries without the time of day: same sources, same bytes.
        archive.writestr(zipfile.ZipInfo("__main__.py"), _ENTRY)
        inside = Path(__file__).parent / "inside"
        for path, source in sorted((file.relative_to(inside).as_posix(), file) for file in inside.rglob("*.py")):
            archive.writestr(zipfile.ZipInfo(f"{PACKAGE}/{path}"), source.read_bytes())
    return target.getvalue()
