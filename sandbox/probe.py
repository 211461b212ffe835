"""Probe of an image and a runtime: whether they can work at all, asked of the first sandbox they give.

Runtimes differ in what they implement: a gVisor of 2022 runs PID 1 and git on a recent C library,
but neither ``ls`` nor ``stat``. That must be said before a run starts, not by its tests. And whether
the hardening arrived is seen from inside: an engine may accept a flag and do nothing about it.
"""

from typing import Literal

from domain import Refused
from sandbox.contract import Sandbox
from sandbox.inside import SYSTEM_PATH

_SCRIPT = """
command -v git >/dev/null || { echo image it has no git; exit 1; }
fail() { echo runtime "$1"; exit 1; }
{ ls / && stat /tmp /work; } >/dev/null 2>&1 || fail 'ls and stat fail'
git --version >/dev/null 2>&1 || fail 'git cannot be run'
for place in /work /tmp; do
  { echo x >$place/.probe && [ "$(cat $place/.probe)" = x ] && rm $place/.probe; } 2>/dev/null || fail "$place cannot be written to"
done
sh -c 'kill -TERM $$' 2>/dev/null; [ $? = 143 ] || fail 'signals do not arrive'
[ "$(echo x | cat)" = x ] || fail 'pipes do not work'
python3 -I -S -c 'import os, mmap, socket; os.listdir("/"); os.stat("/"); socket.socketpair()' 2>/dev/null || fail 'Python cannot be run'
open() { echo unhardened "$1"; exit 1; }
while read -r key value _; do
  case $key in
    Uid:) [ "$value" != 0 ] || open 'commands are root' ;;
    CapEff: | CapPrm: | CapBnd:) [ "$value" = 0000000000000000 ] || open "commands have capabilities ($key $value)" ;;
    NoNewPrivs:) [ "$1" != runc ] || [ "$value" = 1 ] || open 'commands may gain privileges' ;;
    Seccomp:) [ "$1" != runc ] || [ "$value" = 2 ] || open 'system calls are not filtered' ;;
  esac
done </proc/self/status
if (: >/.probe) 2>/dev/null; then open 'the root file system can be written to'; fi
if [ "$2" = none ] && [ -r /proc/net/route ] && [ "$(wc -l </proc/net/route)" -gt 1 ]; then open 'there is a network'; fi
if (exec 3</proc/1/mem) 2>/dev/null; then fail 'the memory of PID 1 is open to commands'; fi
echo fine
"""  # noqa: E501  the program is text
_KINDS = frozenset({"image", "runtime", "unhardened"})


async def found_wrong(
    sandbox: Sandbox, runtime: str = "runc", *, network: Literal["none", "policy"] = "none"
) -> tuple[str, str] | None:
    """Return whether the image, the runtime or the hardening is to blame, and for what; None when all is well.

    Args:
        sandbox: a fresh one.
        runtime: its name; one with a kernel of its own need not say how it filters calls.
        network: ``policy`` where there is an interface, and something outside keeps it from carrying anything.
    """
    try:
        ran = await sandbox.run(
            ["sh", "-c", _SCRIPT, "probe", runtime, network], cwd="/", env={"PATH": SYSTEM_PATH}, timeout_s=30.0
        )
    except Refused as refusal:
        return "runtime", refusal.message
    verdict = ran.stdout.text().strip()
    if ran.ok and verdict == "fine":
        return None
    kind, _, what = verdict.partition(" ")
    return (kind, what) if kind in _KINDS else ("runtime", f"a shell script ended with {ran.code}")
