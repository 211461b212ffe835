"""Logins of private indexes: as package managers read them, hidden in what is printed, and in no layer."""

import io
import netrc
import tarfile
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import Refused
from domain.text import yaml_value
from sandbox.environments.credentials import Credentials, IndexCredential, credential, unauthorized_host
from sandbox.environments.layer import sealed_layer
from tests.unit.sandbox.environments.test_layer import entry, packed

TOKEN = "canary-of-an-index-7f3a"  # noqa: S105  a value to look for
BOTH = Credentials((credential("pip.example", f"ann:{TOKEN}"), credential("npm.example:8443", f"{TOKEN}-2")))
WORDS = st.text(st.sampled_from([chr(c) for c in range(33, 127) if chr(c) not in "\"'\\:"]), min_size=6, max_size=40)


def test_a_login_is_written_as_each_package_manager_reads_it():
    files = BOTH.files()
    assert files[".netrc"].splitlines() == [
        f"machine pip.example login ann password {TOKEN}",
        f"machine npm.example login __token__ password {TOKEN}-2",
    ]
    basic = b64encode(f"ann:{TOKEN}".encode()).decode()
    assert files[".npmrc"].splitlines() == [
        f"//pip.example/:_auth={basic}",
        f"//npm.example:8443/:_authToken={TOKEN}-2",
    ]
    registries = yaml_value(files[".yarnrc.yml"])["npmRegistries"]
    assert registries["//pip.example"]["npmAuthIdent"] == f"ann:{TOKEN}"
    assert registries["//npm.example:8443"]["npmAuthToken"] == f"{TOKEN}-2"
    assert Credentials().files() == {}


def test_tokens_that_a_repositorys_own_npmrc_wants_are_given_for_our_hosts_only():
    npmrc = "//npm.example:8443/team/:_authToken=${TEAM_TOKEN}\n//elsewhere.example/:_authToken=${OTHER}\n"
    assert BOTH.variables(npmrc) == {"TEAM_TOKEN": f"{TOKEN}-2"}


@given(WORDS, WORDS)
def test_what_is_written_reads_back_as_it_was(user, password):
    made = Credentials((credential("a.example", f"{user}:{password}"),))
    words = made.files()[".netrc"].split()
    assert (words[3], words[5]) == (user, password)
    assert yaml_value(made.files()[".yarnrc.yml"])["npmRegistries"]["//a.example"]["npmAuthIdent"] == (
        f"{user}:{password}"
    )


def test_pythons_own_reader_finds_it(tmp_path):
    path = tmp_path / "netrc"
    path.write_text(BOTH.files()[".netrc"])
    assert netrc.netrc(path).authenticators("pip.example") == ("ann", "", TOKEN)


@pytest.mark.parametrize("text", ["", "tiny!", "ann:", "ann:tiny!", "ann:has a blank", 'ann:"quoted"', "a\nb:c123456"])
def test_what_cannot_be_a_login_is_refused_and_not_repeated(text):
    with pytest.raises(Refused) as refusal:
        credential("pip.example", text)
    assert refusal.value.stable_code == "setup_credential_invalid"
    assert not text or text not in refusal.value.message


def test_nothing_of_it_is_shown():
    assert TOKEN not in repr(BOTH)
    assert TOKEN not in str(IndexCredential("a", TOKEN))
    basic = b64encode(f"ann:{TOKEN}".encode()).decode()
    shown = BOTH.masked(f"GET https://ann:{TOKEN}@pip.example/ Authorization: Basic {basic}")
    assert TOKEN not in shown
    assert basic not in shown


@pytest.mark.parametrize("where", ["file", "name", "link", "border"])
def test_a_layer_in_which_one_stands_is_thrown_away(where):
    big = b"x" * ((16 << 10) - 5)
    entries = {
        "file": entry("opt/env/a", data=f"password={TOKEN}".encode()),
        "name": entry(f"opt/env/{TOKEN}", data=b"x"),
        "link": entry("opt/env/a", tarfile.SYMTYPE, link=f"/x/{TOKEN}"),
        "border": entry("opt/env/a", data=big + TOKEN.encode() + big),
    }
    with pytest.raises(Refused) as refusal:
        sealed_layer(packed(entries[where]), io.BytesIO(), below="opt/env", most_bytes=1 << 20, forbidden=BOTH.needles)
    assert refusal.value.stable_code == "setup_leaked"
    assert TOKEN not in refusal.value.message
    sound = sealed_layer(
        packed(entry("opt/env/a", data=b"nothing")),
        io.BytesIO(),
        below="opt/env",
        most_bytes=99,
        forbidden=BOTH.needles,
    )
    assert sound.entries == 1


@pytest.mark.parametrize(
    ("printed", "host"),
    [
        ("ERROR: 401 Client Error: Unauthorized for url: https://pip.example/simple/a/", "pip.example"),
        ("WARNING: 401 Error, Credentials not correct for https://pip.example/simple/six/", "pip.example"),
        ("npm error code E401\nnpm error Incorrect or missing password.", ""),
        ("npm ERR! 403 E403 Forbidden - GET https://npm.example:8443/a", "npm.example:8443"),
        ("User for pip.example: \nERROR: Exception", "pip.example"),
        ("error: HTTP status client error (401 Unauthorized) for url (https://other.example/a)", "other.example"),
        ("ERROR: No matching distribution found for nothing-4010==1.401", None),
    ],
)
def test_an_index_that_wants_a_login_is_told_from_other_failures(printed, host):
    assert unauthorized_host(printed, ("pip.example", "npm.example:8443")) == host
