"""The programs whose arguments need a reader of their own, by the name that grammars give it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from risk.awk import awk
from risk.finding import fd, find
from risk.rater import Special
from risk.repository import git
from risk.sed import sed
from risk.starters import aliased, env, evaluated, interpreter, reading, shell, sourced
from risk.tools import dd, declare, http, kill, options_of_shell, probe, rsync, tar
from risk.wrappers import fuzzy, in_one_line, tool, xargs

SPECIALS: Final[Mapping[str, Special]] = MappingProxyType({
    "": reading, "env": env, "shell": shell, "interpreter": interpreter, "eval": evaluated, "joined": in_one_line,
    "source": sourced, "xargs": xargs, "tool": tool, "multicall": fuzzy, "alias": aliased, "tar": tar, "dd": dd,
    "kill": kill, "http": http, "rsync": rsync, "probe": probe, "set": options_of_shell, "declare": declare,
    "find": find, "fd": fd,
    "sed": sed, "awk": awk, "git": git,
})  # fmt: skip
