"""Why a set-up failed is told by what was printed: each cause has a code, and says what can be done."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.environments.failures import setup_fault

PROXY = "ProxyError('Cannot connect to proxy.', OSError('Tunnel connection failed: 403 Forbidden'))"


@pytest.mark.parametrize(
    ("printed", "code", "words"),
    [
        ("head: error writing 'standard output': No space left on device", "setup_full", "SIGNOFF_SETUP_MB"),
        ("npm error code ENOSPC", "setup_full", "SIGNOFF_SETUP_MB"),
        (f"WARNING: Retrying after connection broken by '{PROXY}': /simple/six/", "setup_unreachable", "HOST"),
        (
            f"HTTPSConnectionPool(host='own.example', port=443): {PROXY}\nNo matching distribution found for six",
            "setup_unreachable",
            "SIGNOFF_EGRESS_HOSTS=own.example",
        ),
        (
            "fatal: unable to access 'https://git.example/a.git/': CONNECT tunnel failed, response 403",
            "setup_unreachable",
            "git.example",
        ),
        (
            "npm error code EAI_AGAIN\nnpm error request to https://npm.example/a failed",
            "setup_unreachable",
            "npm.example",
        ),
        (
            'Get "https://proxy.example/a/@v/list": dial tcp: lookup proxy.example: no such host',
            "setup_unreachable",
            "proxy.example",
        ),
        ('go: a@v1: Get "https://proxy.example/a/@v/v1.info": Bad Gateway', "setup_unreachable", "proxy.example"),
        ("/bin/sh: 1: cannot create /etc/passwd: Read-only file system", "setup_needs_root", "image"),
        (
            "E: Could not open lock file /var/lib/dpkg/lock-frontend - open (13: Permission denied)\nare you root?",
            "setup_needs_root",
            "image",
        ),
        ("sh: 1: sudo: not found", "setup_needs_root", "image"),
        ("PermissionError: [Errno 13] Permission denied: '/usr/local/lib/x'", "setup_needs_root", "image"),
        (
            "npm error `npm ci` can only install packages when your package.json and package-lock.json are in sync",
            "setup_unresolved",
            "lock",
        ),
        ("pyproject.toml changed significantly since poetry.lock was last generated.", "setup_unresolved", "lock"),
        (" ERR_PNPM_OUTDATED_LOCKFILE  Cannot install with frozen-lockfile", "setup_unresolved", "lock"),
        (
            "error: the lock file /work/repo/Cargo.lock needs to be updated but --locked was passed",
            "setup_unresolved",
            "lock",
        ),
        ("shop.go:3:8: missing go.sum entry for module providing package example.test/a", "setup_unresolved", "lock"),
        ("ERROR: ResolutionImpossible: for help visit", "setup_unresolved", "lock"),
        ("ERROR: No matching distribution found for six==999", "setup_unresolved", "lock"),
        ("THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE", "setup_unresolved", "lock"),
    ],
)
def test_each_cause_has_its_code_and_what_to_do(printed, code, words):
    fault = setup_fault(printed, "requirements.txt")
    assert fault is not None
    assert (fault.code, words in fault.hint) == (code, True)


@pytest.mark.parametrize("printed", ["", "error: command 'gcc' failed", "./configure: Permission denied", "exit 3"])
def test_what_tells_no_cause_is_none_of_them(printed):
    assert setup_fault(printed) is None


def test_what_was_ended_for_its_memory_ran_out_of_room():
    fault = setup_fault("Killed", starved=True)
    assert fault is not None
    assert fault.code == "setup_full"


@given(st.text(max_size=2_000), st.booleans())
def test_any_text_is_read_and_a_hint_is_one_line(printed, starved):
    fault = setup_fault(printed, starved=starved)
    assert fault is None or "\n" not in fault.message + fault.hint
