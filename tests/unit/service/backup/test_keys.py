"""Keys open with their passphrase, and with no other."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import Refused
from service.backup.keys import SHORTEST, read_passphrase, seal_keys, unseal_keys

PASSPHRASES = st.text(st.characters(exclude_categories=["Cs"]), min_size=SHORTEST, max_size=40)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    (folder / "links.key").write_bytes(b"\0" * 16 + b"\xff" * 16)
    (folder / "pepper.key").write_bytes(bytes(range(32)))
    (folder / ".pepper.1234").write_bytes(b"half made")
    return folder


@settings(max_examples=5, deadline=None)
@given(passphrase=PASSPHRASES, other=PASSPHRASES)
def test_they_open_with_their_passphrase_alone(folder: Path, passphrase: str, other: str) -> None:
    sealed = seal_keys(folder, passphrase)
    keys = {name: (folder / name).read_bytes() for name in ("links.key", "pepper.key")}
    assert unseal_keys(sealed, passphrase) == keys
    assert not any(key in sealed for key in keys.values())
    assert seal_keys(folder, passphrase) != sealed
    if other != passphrase:
        with pytest.raises(Refused) as caught:
            unseal_keys(sealed, other)
        assert caught.value.stable_code == "passphrase_wrong"


@pytest.mark.parametrize("sealed", [b"", b"[]", b"{}", b'{"salt": 1}', b'{"salt": "??"}', b"\xff"])
def test_what_is_no_sealed_file_is_damaged(sealed: bytes) -> None:
    with pytest.raises(Refused) as caught:
        unseal_keys(sealed, "a dozen words or so")
    assert caught.value.stable_code == "backup_damaged"


@pytest.mark.parametrize("text", [b"", b"short\n", b"\n a passphrase on the second line", b"\xff" * 20, None])
def test_a_passphrase_that_would_not_do_is_refused(tmp_path: Path, text: bytes | None) -> None:
    if text is not None:
        (tmp_path / "passphrase").write_bytes(text)
    with pytest.raises(Refused) as caught:
        read_passphrase(tmp_path / "passphrase")
    assert caught.value.stable_code == "passphrase_unfit"
