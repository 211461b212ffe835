"""The manifest says what was written, or nothing at all."""

import json
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import Refused
from service.backup.manifest import MANIFEST, BackedUpFile, BackupManifest, read_manifest, write_manifest

NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20).filter(
    lambda name: not name.startswith("/") and ".." not in name and set(name) - {".", "/"}
)
FILES = st.dictionaries(NAMES, st.builds(BackedUpFile, size_bytes=st.integers(0, 1 << 60), sha256=st.just("ab" * 32)))


def manifest(files: dict[str, BackedUpFile]) -> BackupManifest:
    at = datetime(2026, 11, 30, tzinfo=UTC)
    return BackupManifest(version="1", database="sqlite", revision="0021", rows_at=at, keys="none", runs=0, files=files)


def read_or_code(folder: Path) -> BackupManifest | str:
    """What is read, or the code with which it is not."""
    try:
        return read_manifest(folder)
    except Refused as error:
        return error.stable_code


@given(FILES)
def test_what_is_written_is_read(files: dict[str, BackedUpFile]) -> None:
    with TemporaryDirectory() as name:
        write_manifest(Path(name), manifest(files))
        assert read_manifest(Path(name)) == manifest(files)


@given(FILES, st.data())
def test_no_changed_byte_is_taken_for_what_was_written(files: dict[str, BackedUpFile], data: st.DataObject) -> None:
    with TemporaryDirectory() as name:
        write_manifest(Path(name), manifest(files))
        body = bytearray((Path(name) / MANIFEST).read_bytes())
        at, byte = data.draw(st.integers(0, len(body) - 1)), data.draw(st.integers(0, 255))
        before = json.loads(body)
        body[at] = byte
        (Path(name) / MANIFEST).write_bytes(body)
        code = read_or_code(Path(name))
        assert code == "backup_damaged" or (code == manifest(files) and json.loads(body) == before), (
            "a blank may differ"
        )


@pytest.mark.parametrize("name", ["../outside", "/outside", "store/../../outside", "."])
def test_no_name_leads_out_of_the_home(tmp_path: Path, name: str) -> None:
    write_manifest(tmp_path, manifest({name: BackedUpFile(size_bytes=0, sha256="")}))
    with pytest.raises(Refused) as caught:
        read_manifest(tmp_path)
    assert caught.value.stable_code == "backup_damaged"
