"""Conformance suite of sandboxes: promises as checks that any of them can be put to, the twin included.

Each check takes a fresh sandbox, says in its docstring what is promised, and raises ``Unkept``.
``signoff sandbox check`` runs them on the user's own host.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from domain import Refused, SandboxLost
from sandbox.contract import REPO, Sandbox

Promise = Callable[[Sandbox], Awaitable[None]]
_KEPT = 512 << 10


class Unkept(Exception):
    """A promise was not kept; the message says what happened instead."""


def must(true: bool, otherwise: object) -> None:
    """Raise ``Unkept`` unless the first argument holds."""
    if not true:
        raise Unkept(str(otherwise)[:2_000])


async def exit_codes_are_true(sandbox: Sandbox) -> None:
    """A command's exit code arrives as it was, also when output is streamed."""
    for code in (0, 1, 3, 255):
        ran = await sandbox.run(["sh", "-c", f"echo x; exit {code}"], heard=lambda _name, _data: None)
        must(ran.ended == "exit" and ran.code == code, ran)


async def signals_are_named(sandbox: Sandbox) -> None:
    """A command that kills itself ends with the signal, not with an exit code."""
    ran = await sandbox.run(["sh", "-c", "kill -TERM $$"])
    must(ran.ended == "signal" and ran.code == 15, ran)  # noqa: PLR2004  SIGTERM


async def what_cannot_run_is_said(sandbox: Sandbox) -> None:
    """An unknown command ends with 127, one that cannot be run with 126; the sandbox goes on."""
    await sandbox.write("plain.txt", b"no program")
    must((await sandbox.run(["no-such-command"])).code == 127, "unknown command")  # noqa: PLR2004
    must((await sandbox.run([f"{REPO}/plain.txt"])).code == 126, "no program")  # noqa: PLR2004
    must((await sandbox.run(["true"])).ok, "the next command")


async def streams_are_apart_and_bytes(sandbox: Sandbox) -> None:
    """Stdout and stderr are apart, and every byte arrives as it was written."""
    program = "import sys; sys.stdout.buffer.write(bytes(range(256))); sys.stderr.buffer.write(b'\\xff\\x00$ ')"
    ran = await sandbox.run(["python3", "-c", program])
    must(ran.stdout.head == bytes(range(256)), ran.stdout)
    must(ran.stderr.head == b"\xff\x00$ ", ran.stderr)


async def output_is_bounded_and_counted(sandbox: Sandbox) -> None:
    """Of much output the head and the tail are kept, the rest is counted."""
    size = 20 << 20
    program = f"import sys; sys.stdout.write('head'); sys.stdout.write('x' * {size}); sys.stdout.write('tail')"
    out = (await sandbox.run(["python3", "-c", program])).stdout
    must(out.head.startswith(b"head") and out.tail.endswith(b"tail"), "the ends")
    must(len(out.head) <= _KEPT and len(out.tail) <= _KEPT, (len(out.head), len(out.tail)))
    must(len(out.head) + len(out.tail) + out.dropped == size + 8, out.dropped)


async def output_is_heard_as_it_comes(sandbox: Sandbox) -> None:
    """A listener hears output before the command has ended."""
    heard: list[tuple[str, bytes, float]] = []
    script = "echo one; sleep 0.3; echo two >&2"
    await sandbox.run(["sh", "-c", script], heard=lambda name, data: heard.append((name, data, time.monotonic())))
    must([part[:2] for part in heard] == [("stdout", b"one\n"), ("stderr", b"two\n")], heard)
    must(heard[1][2] - heard[0][2] > 0.1, "both came together")  # noqa: PLR2004


async def input_is_read_or_empty(sandbox: Sandbox) -> None:
    """A command reads the input it is given; without any it reads an end at once."""
    data = b"abc" * (1 << 20)
    must((await sandbox.run(["wc", "-c"], stdin=data)).stdout.head.split() == [str(len(data)).encode()], "all of it")
    must((await sandbox.run(["true"], stdin=data)).ok, "one that does not read")
    must((await sandbox.run(["cat"], timeout_s=5)).ok, "one that reads nothing")


async def time_runs_out(sandbox: Sandbox) -> None:
    """A command is stopped in time, whatever it ignores, and the next one runs."""
    script = "trap '' TERM INT HUP; while :; do sleep 1; done"
    began = time.monotonic()
    ran = await sandbox.run(["sh", "-c", script], timeout_s=0.5)
    must(ran.ended == "timeout" and not ran.ok, ran)
    must(time.monotonic() - began < 4, "too late")  # noqa: PLR2004
    must((await sandbox.run(["true"])).ok, "the next command")


async def nothing_is_left_running(sandbox: Sandbox) -> None:
    """What a command leaves in the background is gone when it has ended, and does not hold it up."""
    script = "(setsid sh -c 'sleep 0.7; echo late >late.txt' &) ; sleep 60 & echo done"
    began = time.monotonic()
    ran = await sandbox.run(["sh", "-c", script])
    must(ran.ok and ran.stdout.head == b"done\n", ran)
    must(time.monotonic() - began < 3, "held up")  # noqa: PLR2004
    await sandbox.run(["sleep", "1"])
    must(await _refusal(sandbox.read("late.txt")) == "file_not_found", "it went on after its end")


async def cancelling_kills(sandbox: Sandbox) -> None:
    """Cancelling the task that waits kills the command; the sandbox goes on."""
    task = asyncio.create_task(sandbox.run(["sh", "-c", "sleep 1; echo late >late.txt"]))
    await asyncio.sleep(0.3)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    must(task.cancelled(), "not cancelled")
    await sandbox.run(["sleep", "1"])
    must(await _refusal(sandbox.read("late.txt")) == "file_not_found", "it was not killed")


async def commands_take_turns(sandbox: Sandbox) -> None:
    """Commands that are asked for at once run one after the other, each with its own output."""
    runs = await asyncio.gather(*(sandbox.run(["sh", "-c", f"sleep 0.05; echo {n}"]) for n in range(5)))
    must([run.stdout.head for run in runs] == [f"{n}\n".encode() for n in range(5)], runs)


async def files_come_back_as_they_went(sandbox: Sandbox) -> None:
    """Bytes are read as they were written; folders are made; a file's own mode is kept."""
    data = bytes(range(256)) * 16_384
    await sandbox.write("some/where/deep.bin", data)
    must(await sandbox.read("some/where/deep.bin") == data, "other bytes")
    await sandbox.write("tool", b"#!/bin/sh\necho 1\n", mode=0o755)
    await sandbox.write("tool", b"#!/bin/sh\necho 2\n")
    must((await sandbox.run(["./tool"])).stdout.head == b"2\n", "the mode was lost")
    await sandbox.delete("tool")
    must(await _refusal(sandbox.read("tool")) == "file_not_found", "still there")


async def refusals_have_codes(sandbox: Sandbox) -> None:
    """What cannot be read or written is refused with a stable code."""
    await sandbox.write("big", b"x" * 1_000)
    must(await _refusal(sandbox.read("big", limit=999)) == "file_too_large", "limit")
    must(await _refusal(sandbox.read("none")) == "file_not_found", "none")
    must(await _refusal(sandbox.delete("none")) == "file_not_found", "delete")
    for path in ("../x", "", "a/../../x", "/proc/self/environ", REPO):
        must(await _refusal(sandbox.read(path)) == "path_refused", path)


async def links_are_not_followed(sandbox: Sandbox) -> None:
    """No file verb follows a symbolic link, in any component; special files are refused."""
    await sandbox.run(["sh", "-c", "ln -s /etc out; ln -s /etc/passwd file; mkfifo pipe; ln -s . here"])
    for path in ("out/passwd", "file", "pipe", "here/file", "here/pipe"):
        must(await _refusal(sandbox.read(path)) == "path_refused", path)
    for path in ("out/x", "file", "pipe", "here/x"):
        must(await _refusal(sandbox.write(path, b"x")) == "path_refused", path)
    must(await _refusal(sandbox.delete("out/passwd")) == "path_refused", "delete through a link")


async def where_and_who_one_is(sandbox: Sandbox) -> None:
    """Commands start in the checkout, with the given variables and a home that can be written to."""
    script = 'pwd; echo "$GIVEN"; touch "$HOME/x" "$TMPDIR/x" && echo ok; git --version >&2'
    ran = await sandbox.run(["sh", "-c", script], env={"GIVEN": "a b"})
    must(ran.ok and ran.stdout.head == f"{REPO}\na b\nok\n".encode(), ran)
    await sandbox.ping()


async def closed_is_closed(sandbox: Sandbox) -> None:
    """Closing twice is fine; afterwards every verb says that the sandbox is lost."""
    await sandbox.close()
    await sandbox.close()
    verbs = (sandbox.run(["true"]), sandbox.read("x"), sandbox.write("x", b""), sandbox.delete("x"), sandbox.ping())
    for verb in verbs:
        try:
            await verb
        except SandboxLost:
            continue
        raise Unkept("a verb worked on a closed sandbox")


async def _refusal(verb: Awaitable[object]) -> str:
    try:
        await verb
    except Refused as refusal:
        return refusal.stable_code
    return "nothing was refused"


PROMISES: Final[tuple[Promise, ...]] = (
    exit_codes_are_true,
    signals_are_named,
    what_cannot_run_is_said,
    streams_are_apart_and_bytes,
    output_is_bounded_and_counted,
    output_is_heard_as_it_comes,
    input_is_read_or_empty,
    time_runs_out,
    nothing_is_left_running,
    cancelling_kills,
    commands_take_turns,
    files_come_back_as_they_went,
    refusals_have_codes,
    links_are_not_followed,
    where_and_who_one_is,
    closed_is_closed,
)
