"""Clients name only repositories that are allowed, whatever form the name has and wherever it leads."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import Refused
from sandbox import Store
from service.auth.allowed import AllowedRepositories, canonical_url

ALLOWED = ("/srv/repos", "https://git.example/team", "git@forge.example:ours")


@pytest.mark.parametrize(
    ("repo", "fits"),
    [
        ("/srv/repos/a", True),
        ("/srv/repos", True),
        ("/srv/repos-evil", False),
        ("/srv/repos/../etc", False),
        ("https://git.example/team/x", True),
        ("https://git.example.evil/team/x", False),
        ("/etc", False),
        ("HTTPS://GIT.example:443//team//x", True),
        ("https://git.example./team/x", True),
        ("https://git.example/team/../other/x", False),
        ("https://git.example/team/%2e%2e/other/x", False),
        ("https://git.example/team/%252e%252e/other/x", False),
        ("https://git.example/team%2f..%2fother", False),
        ("https://git.example/team/%c0%ae%c0%ae/other/x", False),
        ("https://git.example/team/%EF%BC%8E%EF%BC%8E/other", False),
        ("https://git.example/team/..;a/other/x", False),
        ("https://git.example/team/..%3b/other/x", False),
        ("https://git.example/team/..%20/other/x", False),
        ("https://git.example/team/.../other/x", False),
        ("https://git.example/team/%u002e%u002e/other", False),
        ("https://git.example/team%2fx", False),
        ("https://evil.example\\@git.example/team/x", False),
        ("https://evil.example@a@git.example/team/x", False),
        ("https://git.example/team/%ff/x", False),
        ("https://git.example/team/x%3f", False),
        ("https://git.example/team/%C3%A9/x", True),
        ("https://git.example/team/a%20b;c", True),
        ("https://git.example/team/..%5cother", False),
        ("https://git.example/team/./x", False),
        ("https://git.example\\@evil.example/team/x", False),
        ("https://git.example@evil.example/team/x", False),
        ("https://git.example/team/x?y", False),
        ("https://git.example/team/x#y", False),
        ("https://git.example:8443/team/x", False),
        ("http://git.example/team/x", False),
        ("https://g\u0131t.example/team/x", False),
        ("https://git.example/team/\tx", False),
        ("https:///team/x", False),
        ("git@forge.example:ours/x", True),
        ("ssh://git@forge.example/ours/x", True),
        ("git@forge.example:theirs/x", False),
        ("git@forge.example:ours/../theirs/x", False),
        ("ssh://forge.example:2222/ours/x", False),
        ("file:///srv/repos/a", True),
        ("file:///srv/repos/../../etc", False),
        ("file://host/srv/repos/a", False),
        ("file:///srv/repos/%2e%2e/%2e%2e/etc", False),
        ("~", False),
        ("~nobody-of-this-name/x", False),
        ("ext::sh -c id", False),
        ("/srv/repos/\0", False),
    ],
)
def test_clients_name_only_repositories_that_are_allowed(repo: str, fits: bool) -> None:
    judge = AllowedRepositories(allowed=ALLOWED, anything=False)
    if fits:
        judge(repo)
    else:
        with pytest.raises(Refused):
            judge(repo)


@given(
    st.text(max_size=30) | st.text("%2345cCeEfF.;/9abB", max_size=30),
    st.sampled_from(["https://git.example/team/", "git@forge.example:ours/"]),
)
def test_an_address_has_one_form(path: str, start: str) -> None:
    form = canonical_url(start + path)
    if form is not None:
        assert canonical_url(form) == form
        assert ".." not in form.split("/")


class TestWhatIsReallyOpened:
    """The folder that is named lies in the list; what is read for it may lie elsewhere."""

    @pytest.fixture
    def judge(self, tmp_path: Path) -> AllowedRepositories:
        return AllowedRepositories(allowed=(str(tmp_path / "allowed"),), anything=True)

    @pytest.fixture
    def named(self, tmp_path: Path) -> Path:
        for place in ("allowed/named", "secret"):
            for part in ("objects/pack", "objects/info", "refs/heads"):
                (tmp_path / place / ".git" / part).mkdir(parents=True)
            (tmp_path / place / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
        return tmp_path / "allowed" / "named"

    def test_a_plain_one_is_fine(self, judge: AllowedRepositories, named: Path) -> None:
        judge(str(named))

    @pytest.mark.parametrize("how", ["git file", "alternates", "commondir", "link", "link above"])
    def test_one_that_leads_elsewhere_is_not(self, judge: AllowedRepositories, named: Path, how: str) -> None:
        secret = named.parent.parent / "secret" / ".git"
        match how:
            case "git file":
                (named / ".git").rename(named / "aside")
                (named / ".git").write_text(f"gitdir: {secret}\n")
            case "alternates":
                (named / ".git" / "objects" / "info" / "alternates").write_text(f"{secret}/objects\n")
            case "commondir":
                (named / ".git" / "commondir").write_text(f"{secret}\n")
            case "link":
                (named / ".git").rename(named / "aside")
                (named / ".git").symlink_to(secret)
            case _:
                (named.parent / "other").symlink_to(secret.parent)
                named = named.parent / "other"
        with pytest.raises(Refused) as refused:
            judge(str(named))
        assert refused.value.stable_code == "repo_refused"

    def test_a_link_among_the_objects_is_seen_when_it_is_read(self, judge: AllowedRepositories, named: Path) -> None:
        secret = named.parent.parent / "secret" / ".git"
        (named / ".git" / "objects" / "pack" / "x.pack").symlink_to(secret / "objects" / "pack" / "x.pack")
        store = Store(named.parent.parent / "store")
        store.restrict(judge.opened)
        with pytest.raises(Refused) as refused:
            asyncio.run(store.pin("r", str(named)))
        assert refused.value.stable_code == "repo_refused"
