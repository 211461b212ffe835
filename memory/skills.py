"""Skills: how-tos that lie in a repository as ``SKILL.md``, offered by name and opened when needed.

The form is that of https://agentskills.io: a folder with the skill's name, and in it ``SKILL.md``, whose front matter
(YAML) has ``name`` and ``description``. They are files of the commit, and nothing is stored.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from domain import Refused
from domain.text import yaml_value

FOLDERS = (".signoff/skills", ".agents/skills", ".claude/skills", ".github/skills", "skills")
"""Where skills are, at the top of a repository; of two with the same name the first one counts."""
MOST_SKILLS = 20
MOST_SKILL_BYTES = 64 << 10
"""Of a file; a longer one is no skill."""
_DESCRIPTION = 300
_FRONT = re.compile(r"\A---[ \t]*\r?\n(.{0,4000}?)\r?\n---[ \t]*(?:\r?\n|\Z)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Skill:
    """One skill, as it is offered."""

    name: str
    description: str
    path: str


def skill_paths(paths: Iterable[str]) -> tuple[str, ...]:
    """The files that are skills, in the order of their folders; a few at most."""
    there = [path for path in paths if path.endswith("/SKILL.md")]
    found: dict[str, str] = {}
    for folder in FOLDERS:
        for path in sorted(there):
            name, _, rest = path.removeprefix(f"{folder}/").partition("/")
            if path.startswith(f"{folder}/") and rest == "SKILL.md":
                found.setdefault(name, path)
    return tuple(found.values())[:MOST_SKILLS]


def skill_of(path: str, data: bytes) -> Skill | None:
    """What a file offers; None where its front matter has no name and description."""
    if len(data) > MOST_SKILL_BYTES:
        return None
    front = _FRONT.match(data.decode(errors="replace"))
    if front is None:
        return None
    try:
        fields = yaml_value(front[1])
    except (Refused, ValueError):
        return None
    if not isinstance(fields, dict):
        return None
    name, description = fields.get("name"), fields.get("description")
    if not (isinstance(name, str) and isinstance(description, str) and name.strip() and description.strip()):
        return None
    return Skill(name=name.strip()[:80], description=description.strip()[:_DESCRIPTION], path=path)
