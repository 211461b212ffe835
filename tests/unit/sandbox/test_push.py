"""What git's and the forge's words about a push mean, and that no credential is repeated."""

import pytest

from domain import SignoffError
from sandbox.source.push import AuthorisedRemote, push_refusal

URL = "https://git.example/acme/shop.git"


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (" ! [rejected]        x -> x (fetch first)\nerror: failed to push some refs", "branch_moved"),
        (" ! [rejected] x -> x (non-fast-forward)", "branch_moved"),
        (" ! [remote rejected] x -> x (cannot lock ref 'refs/heads/x': is at a but expected b)", "branch_moved"),
        ("remote: error: GH006: Protected branch update failed\n ! [remote rejected] x -> x", "push_refused"),
        (" ! [remote rejected] x -> x (pre-receive hook declined)", "push_refused"),
        (" ! [remote rejected] x -> x (shallow update not allowed)", "push_refused"),
        ("fatal: Authentication failed for 'https://git.example/'", "push_forbidden"),
        (
            "remote: Permission to acme/shop.git denied to bot.\nfatal: … The requested URL returned error: 403",
            "push_forbidden",
        ),
        ("remote: You are not allowed to push code to this project.", "push_forbidden"),
        ("fatal: repository 'https://git.example/acme/shop.git/' not found", "push_forbidden"),
        ("fatal: could not read Username for 'https://git.example': terminal prompts disabled", "push_forbidden"),
        ("fatal: unable to access: The requested URL returned error: 301", "push_refused"),
        ("fatal: unable to access: Could not resolve host: git.example", "push_unanswered"),
        ("fatal: the remote end hung up unexpectedly", "push_unanswered"),
        ("", "push_unanswered"),
    ],
)
def test_words_of_git_have_a_code(said: str, code: str) -> None:
    error = push_refusal(URL, "signoff/x", said)
    assert isinstance(error, SignoffError)
    assert error.stable_code == code
    assert error.hint


def test_a_credential_in_the_words_is_not_repeated() -> None:
    said = "fatal: unable to access 'https://user:s3cr3t-token@git.example/acme/shop.git/': refused"
    error = push_refusal("https://user:s3cr3t-token@git.example/acme/shop.git", "b", said)
    assert "s3cr3t-token" not in f"{error}"


def test_an_address_shows_no_header() -> None:
    assert "c2VjcmV0" not in repr(
        AuthorisedRemote(url=URL, header="Authorization: Basic c2VjcmV0", proxy="http://u:p@x")
    )
    assert "u:p@" not in repr(AuthorisedRemote(url=URL, proxy="http://u:p@x"))
