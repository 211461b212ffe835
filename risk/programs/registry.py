"""Registry of programs whose arguments need a reader of their own, by the name that grammars give it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from risk.contract import Special
from risk.programs.awk import awk
from risk.programs.find_fd import fd, find
from risk.programs.launchers import (
    aliased,
    env,
    evaluated,
    fuzzy,
    in_one_line,
    interpreter,
    reading,
    shell,
    sourced,
    tool,
    xargs,
)
from risk.programs.sed import sed
from risk.programs.tools import dd, declare, http, kill, options_of_shell, probe, rsync, tar
from risk.programs.version_control import git

SPECIALS: Final[Mapping[str, Special]] = MappingProxyType(
    {
        "": reading,
        "env": env,
        "shell": shell,
        "interpreter": interpreter,
        "eval": evaluated,
        "joined": in_one_line,
        "source": sourced,
        "xargs": xargs,
        "tool": tool,
        "multicall": fuzzy,
        "alias": aliased,
        "tar": tar,
        "dd": dd,
        "kill": kill,
        "http": http,
        "rsync": rsync,
        "probe": probe,
        "set": options_of_shell,
        "declare": declare,
        "find": find,
        "fd": fd,
        "sed": sed,
        "awk": awk,
        "git": git,
    }
)
