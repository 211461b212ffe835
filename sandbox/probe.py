"""Whether an image and a runtime can work at all, asked of the first sandbox they give.

Runtimes differ in what they implement: a gVisor of 2022 runs PID 1 and git on a recent C library,
but neither ``ls`` nor ``stat``. That must be said before a run starts, not by its tests.
"""

from domain import Refused
from sandbox import refusals
from sandbox.contract import Sandbox, Spec

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
if (exec 3</proc/1/mem) 2>/dev/null; then fail 'the memory of PID 1 is open to commands'; fi
echo fine
"""  # noqa: E501  the program is text


async def probe(sandbox: Sandbox, spec: Spec) -> None:
    """Try what everything else relies on: files, signals, memory file systems, pipes, PID 1's privacy.

    Raises:
        Refused: ``image_unsuitable`` or ``runtime_unsupported``, with what did not work.
    """
    problem = await found_wrong(sandbox)
    if problem is None:
        return
    kind, what = problem
    raise refusals.image_unsuitable(spec, what) if kind == "image" else refusals.runtime_unsupported(spec, what)


async def found_wrong(sandbox: Sandbox) -> tuple[str, str] | None:
    """Return whether the image or the runtime is to blame, and for what; None when all is well."""
    try:
        ran = await sandbox.run(["sh", "-c", _SCRIPT], cwd="/", timeout_s=30.0)
    except Refused as refusal:
        return "runtime", refusal.message
    said = ran.stdout.text().strip()
    if ran.ok and said == "fine":
        return None
    kind, _, what = said.partition(" ")
    return (kind, what) if kind in {"image", "runtime"} else ("runtime", f"a shell script ended with {ran.code}")
