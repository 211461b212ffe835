"""Content is copied behind what names it, whatever comes meanwhile."""

from pathlib import Path

from service.backup.files import content_files, copy_file, empty_folders, hash_file, plain_files


def put(path: Path, text: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_objects_are_listed_behind_what_names_them(tmp_path: Path) -> None:
    """Whatever a run adds while it is copied: a name that is in the copy has its objects in it, too."""
    run = tmp_path / "r.git"
    put(run / "refs" / "snapshots" / "first")
    put(run / "objects" / "aa" / "first")
    put(run / "objects" / "pack" / "pack-1.idx")
    put(run / "objects" / "pack" / "pack-1.pack")
    copied: list[str] = []
    for path in content_files(run):
        copied.append(path.relative_to(run).as_posix())
        if len(copied) == 1:  # objects first, as git does it
            put(run / "objects" / "pack" / "pack-2.pack")
            put(run / "objects" / "pack" / "pack-2.idx")
            put(run / "objects" / "bb" / "second")
            put(run / "refs" / "snapshots" / "second")
    assert copied[0] == "refs/snapshots/first"
    indexes = [name for name in copied if name.endswith(".idx")]
    for index in indexes:
        pack = index.replace(".idx", ".pack")
        assert copied.index(pack) > copied.index(index)
    assert "objects/bb/second" in copied
    assert len(copied) == len(set(copied))


def test_what_is_half_written_or_a_cache_or_a_link_is_left_out(tmp_path: Path) -> None:
    run = tmp_path / "r.git"
    put(run / "HEAD")
    put(run / "HEAD.lock")
    put(run / "packs" / "pack-1.pack")
    put(run / "objects" / "pack" / "tmp_pack_1")
    put(run / "objects" / "aa" / "1")
    (run / "outside").symlink_to("/etc/passwd")
    (run / "refs" / "heads").mkdir(parents=True)
    assert [path.relative_to(run).as_posix() for path in content_files(run)] == ["HEAD", "objects/aa/1"]
    assert [path.relative_to(run).as_posix() for path in empty_folders(run)] == ["refs/heads"]
    assert list(plain_files(tmp_path / "nothing")) == []
    assert list(empty_folders(tmp_path / "nothing")) == []


def test_a_copy_is_for_its_owner_and_has_the_hash_of_what_was_written(tmp_path: Path) -> None:
    source = put(tmp_path / "source", "text " * 1_000_000)
    source.chmod(0o644)
    copied = copy_file(source, tmp_path / "folder" / "copy")
    assert copied == hash_file(source) == hash_file(tmp_path / "folder" / "copy")
    assert (tmp_path / "folder" / "copy").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "folder").stat().st_mode & 0o777 == 0o700
