"""Which forge an address belongs to, what a file may say, and that nothing in it is shown."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import Refused
from forges import ForgeEntry, Forges, load_forges
from forges.registry import path_within

TOKEN = "ghp_" + "x" * 36
ENTRY = {"name": "hub", "kind": "github", "token": TOKEN, "repositories": ["acme/*"]}


def code(verb: Any, *args: Any) -> str:
    with pytest.raises(Refused) as refusal:
        verb(*args)
    assert TOKEN not in f"{refusal.value.message} {refusal.value.hint}"
    return refusal.value.stable_code


@pytest.mark.parametrize(
    "address",
    [
        "https://github.com/acme/shop",
        "https://github.com/acme/shop.git",
        "https://github.com/acme/shop/",
        "https://GitHub.com/acme/shop.git",
        "git@github.com:acme/shop.git",
        "ssh://git@github.com/acme/shop.git",
        "ssh://git@github.com:2222/acme/shop.git",
    ],
)
def test_a_repository_is_the_same_however_it_is_spelled(address: str) -> None:
    assert path_within("https://github.com", address) == "acme/shop"


@pytest.mark.parametrize(
    "address",
    [
        "https://github.com.evil.example/acme/shop",
        "https://evil.example/github.com/acme/shop",
        "http://github.com/acme/shop",
        "https://github.com:8443/acme/shop",
        "https://github.com/acme/../../x",
        "https://github.com/acme/shop?x=1",
        "https://github.com/shop",
        "git@evil.example:acme/shop.git",
        "file:///github.com/acme/shop",
        "/srv/acme/shop",
        "ext::sh -c x",
        "https://github.com/acme/sh op",
        "https://github.com/-acme/shop",
        "https://[::1",
        "",
    ],
)
def test_what_is_elsewhere_or_no_repository_is_none(address: str) -> None:
    assert path_within("https://github.com", address) == ""


def test_a_forge_below_a_path() -> None:
    assert path_within("https://x.example/gitlab", "https://x.example/gitlab/a/b/c.git") == "a/b/c"
    assert path_within("https://x.example/gitlab", "https://x.example/gitlabs/a/b") == ""
    assert path_within("https://x.example/gitlab", "https://x.example/a/b") == ""
    assert path_within("https://x.example/gitlab", "git@x.example:a/b.git") == "a/b"


@given(st.text(max_size=80))
def test_any_text_has_an_answer(text: str) -> None:
    path = path_within("https://github.com", text)
    assert ".." not in path.split("/")


def test_only_what_is_named_may_be_published() -> None:
    registry = Forges(entries=(ForgeEntry(**{**ENTRY, "repositories": ["acme/shop", "lab/*"]}),))
    assert str(registry.ensure_publishable("https://github.com/Acme/Shop")) == "hub:Acme/Shop"
    assert str(registry.ensure_publishable("git@github.com:lab/any.git")) == "hub:lab/any"
    assert code(registry.ensure_publishable, "https://github.com/acme/other") == "forge_repository_refused"
    assert code(registry.ensure_publishable, "https://gitlab.com/acme/shop") == "forge_unknown"
    assert code(Forges().ensure_publishable, "/srv/repo") == "forge_unknown"
    assert code(registry.named, "lab") == "forge_unknown"
    nothing = Forges(entries=(ForgeEntry(**{**ENTRY, "repositories": []}),))
    assert code(nothing.ensure_publishable, "https://github.com/acme/shop") == "forge_repository_refused"


def test_where_the_api_is() -> None:
    assert ForgeEntry(**ENTRY).endpoint == "https://api.github.com"
    assert ForgeEntry(**{**ENTRY, "url": "https://git.corp.example/"}).endpoint == "https://git.corp.example/api/v3"
    assert ForgeEntry(**{**ENTRY, "kind": "gitlab"}).endpoint == "https://gitlab.com/api/v4"


def test_a_file_names_its_secrets_and_shows_none(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    (tmp_path / "forges.yaml").write_text(json.dumps({"forges": [{**ENTRY, "token": "file:token"}]}))
    read = load_forges(tmp_path / "forges.yaml")
    assert read.secrets == (TOKEN,)
    assert TOKEN not in repr(read)
    assert TOKEN not in repr(Forges(entries=read.forges))


@pytest.mark.parametrize(
    "wrong",
    [
        {"token": None},
        {"app": {"id": "1", "slug": "s", "installation": 1, "key": "k"}},
        {"kind": "gitea"},
        {"url": "http://git.example"},
        {"api": "http://api.example"},
        {"url": f"https://{TOKEN}@git.example"},
        {"name": "with space"},
        {"extra": TOKEN},
    ],
)
def test_a_wrong_file_says_where_and_repeats_no_secret(tmp_path: Path, wrong: dict[str, Any]) -> None:
    file = tmp_path / "forges.yaml"
    file.write_text(json.dumps({"forges": [{**ENTRY, **wrong}]}))
    assert code(load_forges, file) == "forges_invalid"


def test_a_file_that_is_not_there_or_no_yaml(tmp_path: Path) -> None:
    assert code(load_forges, tmp_path / "none.yaml") == "forges_invalid"
    (tmp_path / "odd.yaml").write_text("{")
    assert code(load_forges, tmp_path / "odd.yaml") == "forges_invalid"
    (tmp_path / "twice.yaml").write_text(json.dumps({"forges": [ENTRY, ENTRY]}))
    assert code(load_forges, tmp_path / "twice.yaml") == "forges_invalid"


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_%%%", "whsec_c2hvcnQ=", "file:empty"])
def test_a_deploy_hook_whose_secret_signs_nothing_is_refused_before_anybody_is_asked(
    tmp_path: Path, secret: str
) -> None:
    (tmp_path / "empty").write_text("\n")
    deploy = {"name": "production", "url": "https://deploy.example", "secrets": [secret], "repositories": ["*"]}
    (tmp_path / "forges.yaml").write_text(json.dumps({"deploys": [deploy]}))
    assert code(load_forges, tmp_path / "forges.yaml") == "hook_secret_invalid"
