"""Record a real run as a picture: ``.venv/bin/python scripts/record.py [inventory|billing]`` → ``docs/demo.svg``.

The demo runs in a terminal of its own; what it printed, colours included, becomes the picture.
"""

from __future__ import annotations

import os
import pty
import struct
import subprocess
import sys
import termios
from fcntl import ioctl
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "docs" / "demo.svg"
COLUMNS, ROWS = 108, 50

# rich's own template, without its web fonts: a picture should not load anything.
FORMAT = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width; }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: system-ui, sans-serif; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g></g>
</svg>
"""


def recorded(command: list[str]) -> str:
    """What ``command`` prints on a terminal of our size, escape sequences included.

    Raises:
        SystemExit: it failed; a failure is not recorded.
    """
    pid, terminal = pty.fork()
    if pid == 0:
        ioctl(sys.stdin.fileno(), termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        os.execvp(command[0], command)  # noqa: S606  # the child becomes the command
    seen = bytearray()
    while True:
        try:
            chunk = os.read(terminal, 65_536)
        except OSError:  # Linux says EIO when the other side is closed
            break
        if not chunk:
            break
        seen += chunk
        sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status:
        raise SystemExit(f"{' '.join(command)} failed with {status}")
    return seen.decode(errors="replace").replace("\r\n", "\n")


def main(example: str = "inventory") -> None:
    command = "make demo" if example == "inventory" else "make demo-2"
    subprocess.run(["make", "-C", str(ROOT), "image"], check=True)  # set-up is not part of the picture
    text = Text.from_ansi(f"$ {command}\n{recorded([str(ROOT / 'scripts' / 'demo.sh'), example])}")
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        console = Console(record=True, width=COLUMNS, file=nowhere, force_terminal=True)
        console.print(text, soft_wrap=False)
        picture = console.export_svg(title=command, theme=MONOKAI, code_format=FORMAT, unique_id="demo")
    TARGET.write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
