"""What a set-up sandbox sends is made sound before an engine unpacks it."""

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import Refused
from sandbox.environments.layer import sealed_layer


def entry(name: str, kind: bytes = tarfile.REGTYPE, *, link: str = "", data: bytes = b"", mode: int = 0o644) -> tuple:
    member = tarfile.TarInfo(name)
    member.type, member.linkname, member.mode, member.size = kind, link, mode, len(data)
    member.uid = member.gid = 4_242
    return member, data


def packed(*entries: tuple) -> io.BytesIO:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as made:
        for member, data in entries:
            made.addfile(member, io.BytesIO(data))
    file.seek(0)
    return file


def sealed(*entries: tuple, most: int = 1 << 20) -> list[tarfile.TarInfo]:
    made = io.BytesIO()
    sealed_layer(packed(*entries), made, below="opt/env", most_bytes=most)
    made.seek(0)
    with tarfile.open(fileobj=made) as read:
        return read.getmembers()


def test_files_folders_and_links_come_through_as_roots_and_without_special_bits():
    got = {
        each.name: each
        for each in sealed(
            entry("opt/env", tarfile.DIRTYPE, mode=0o777),
            entry("opt/env/a", data=b"x", mode=0o6777),
            entry("opt/env/b", tarfile.LNKTYPE, link="opt/env/a"),
            entry("opt/env/c", tarfile.SYMTYPE, link="/usr/bin/python3"),
        )
    }
    assert [*got] == ["opt/env", "opt/env/a", "opt/env/b", "opt/env/c"]
    assert (got["opt/env/a"].mode, got["opt/env"].mode) == (0o755, 0o755)
    assert {(each.uid, each.gid) for each in got.values()} == {(0, 0)}


@pytest.mark.parametrize(
    "entries",
    [
        [entry("etc/passwd")],
        [entry("/opt/env/a")],
        [entry("opt/env/../../etc/passwd")],
        [entry("opt/environment/a")],
        [entry("opt/env/dev", tarfile.CHRTYPE)],
        [entry("opt/env/pipe", tarfile.FIFOTYPE)],
        [entry("opt/env/hard", tarfile.LNKTYPE, link="etc/shadow")],
        [entry("opt/env/hard", tarfile.LNKTYPE, link="opt/env/not-yet")],
    ],
)
def test_what_an_environment_has_no_use_for_is_left_out(entries):
    assert sealed(*entries) == []


def test_nothing_is_written_through_a_link_and_no_path_comes_twice():
    names = [
        each.name
        for each in sealed(
            entry("opt/env/out", tarfile.SYMTYPE, link="/etc"),
            entry("opt/env/out/passwd", data=b"x"),
            entry("opt/env/a", data=b"1"),
            entry("opt/env/a", tarfile.SYMTYPE, link="/etc"),
            entry("opt/env/a/b", data=b"2"),
        )
    ]
    assert names == ["opt/env/out", "opt/env/a"]


def test_what_is_too_large_or_no_archive_is_refused():
    with pytest.raises(Refused) as refused:
        sealed(entry("opt/env/a", data=b"x" * 100), most=99)
    assert refused.value.stable_code == "setup_failed"
    with pytest.raises(Refused) as refused:
        sealed_layer(io.BytesIO(b"no archive" * 100), io.BytesIO(), below="opt/env", most_bytes=10)
    assert refused.value.stable_code == "setup_failed"


PARTS = st.lists(st.sampled_from(["opt", "env", "a", "b", "..", ".", "", "c"]), min_size=1, max_size=5).map("/".join)
KINDS = st.sampled_from(
    [tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.BLKTYPE]
)


@given(st.lists(st.tuples(st.one_of(PARTS, PARTS.map("opt/env/".__add__)), KINDS, PARTS), max_size=12))
def test_whatever_is_sent_stays_below_the_folder_and_behind_no_link(sent):
    got = sealed(*(entry(name or "x", kind, link=link) for name, kind, link in sent))
    links = {each.name for each in got if each.issym()}
    names = [each.name for each in got if not each.isdir()]
    assert len(names) == len({*names})
    for each in got:
        assert each.name == "opt/env" or each.name.startswith("opt/env/")
        assert ".." not in each.name.split("/")
        assert each.isreg() or each.isdir() or each.issym() or each.islnk()
        parts = each.name.split("/")
        assert not links & {"/".join(parts[:depth]) for depth in range(1, len(parts))}
