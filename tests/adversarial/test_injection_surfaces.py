"""Every way by which a text comes before a model is tried with an injection, or its words are ours or a person's.

Derived from the code: the variables of prompts, the modules that put messages into conversations, the coder's actions,
the files that are read unasked, and the kinds of memories. What is new there has no entry here, and fails.
"""

import ast
from pathlib import Path
from typing import get_args

from jinja2 import Environment, meta
from pydantic import TypeAdapter

from domain.coder import CoderAction
from memory.records import KINDS
from memory.skills import FOLDERS
from nodes.coder.context import INSTRUCTIONS
from tests.architecture.tree import ROOMS, ROOT, files, module_name, modules, parsed
from tests.worlds.injections import SURFACES

APART = frozenset({"landed branch", "chat passages", "planner and reviewer"})
"""Surfaces with a test of their own in ``test_injections.py``."""
OURS = frozenset({"ours", "a person", "judge"})
"""``ours``: words and numbers of ours; ``a person``: who has the say here wrote it, and the prompt says so; ``judge``:
of evaluations, whose answer is a number and decides nothing."""
_CONTEXT = {"file", "file name", "AGENTS.md", "SKILL.md", "memory"}
_OUTPUT = {"test output", "command output", "commit message"}
PROMPT_VARIABLES: dict[str, set[str]] = {
    "accept": {"a person"},
    "base": {"ours"},
    "baseline": {"test output"},
    "broken": {"test output", "landed branch"},
    "candidates": {"planner and reviewer"},
    "changed": {"file", "landed branch"},
    "conflicts": {"landed branch"},
    "context": _CONTEXT,
    "diff": {"planner and reviewer"},
    "expert": {"ours"},
    "failure": {"ours"},
    "feedback": {"a person"},
    "files_are": {"ours"},
    "findings": {"ours", "test output"},
    "finished": {"ours"},
    "form": {"ours"},
    "ignored": {"ours"},
    "landed": {"landed branch"},
    "last": {"ours"},
    "left": {"ours"},
    "left_out": {"file name"},
    "marked": {"file name"},
    "nudge": {"ours"},
    "output": _OUTPUT,
    "plan": {"planner and reviewer"},
    "problems": {"ours", "file"},
    "prompted": {"ours"},
    "proof": {"ours"},
    "refused": {"ours"},
    "result": {"opened file", "search result", "memory", "MCP answer"},
    "run": {"landed branch", "test output"},
    "runs": _OUTPUT,
    "step": {"planner and reviewer"},
    "still_failing": {"test output"},
    "task": {"issue"},
    "team": {"ours"},
    "tools": {"MCP answer"},
    "touched": {"file name"},
    "verdict": {"ours", "test output"},
}
MESSAGES: dict[str, set[str]] = {
    "models.clients.chat": {"ours"},
    "models.clients.contract": {"ours"},
    "models.conformance": {"ours"},
    "models.dialects.dialogue": {"ours"},
    "models.prompts": {"ours"},
    "models.providers": {"ours", "MCP answer"},
    "models.wrappers.context_window": {"ours"},
    "nodes.execute": {"a person"},
    "nodes.observe": {"opened file", "search result", "memory", "MCP answer", "command output"},
    "nodes.plan": {"ours"},
    "nodes.team": {"a person"},
    "nodes.teamwork.merging": {"landed branch"},
    "service.api.openai.chat": {"ours"},
    "service.api.openai.grounding": {"chat passages"},
    "service.api.openai.requests": {"a person"},
    "service.cli.models": {"a person"},
}
"""Modules that build a message which no template renders."""
ACTIONS: dict[str, set[str]] = {
    "ask": {"a person"},
    "done": {"test output"},
    "edit": {"file"},
    "open": {"opened file", "memory"},
    "run": {"command output", "commit message"},
    "search": {"search result", "memory"},
    "use": {"MCP answer"},
}
"""By action of the coder, what its result shows."""


def test_every_variable_of_a_prompt_is_known() -> None:
    environment = Environment(autoescape=False, trim_blocks=True)  # noqa: S701  nothing is rendered
    variables: set[str] = set()
    for room in ROOMS:
        for path in files(ROOT / room, suffixes={".md"}):
            source = path.read_text(encoding="utf-8")
            if path.name == "judge.md" and path.parent.name == "eval":
                continue  # its answer is a number of an evaluation, and decides nothing
            if "<!-- user -->" in source:
                variables |= meta.find_undeclared_variables(environment.parse(source))
    assert variables == PROMPT_VARIABLES.keys()


def builds_messages(path: Path) -> bool:
    """Whether a module says something to a model in another's name than the model's."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Message":
            roles = [word.value for word in node.keywords if word.arg == "role"]
            if not all(isinstance(role, ast.Constant) and role.value == "assistant" for role in roles):
                return True
    return False


def test_every_module_that_puts_words_into_a_conversation_is_known() -> None:
    assert {module_name(path) for path in modules() if builds_messages(path)} == MESSAGES.keys()


def test_every_action_of_the_coder_is_known() -> None:
    schema = TypeAdapter(CoderAction).json_schema()
    assert set(schema["discriminator"]["mapping"]) == ACTIONS.keys()
    assert len(get_args(get_args(CoderAction)[0])) == len(ACTIONS)


def test_what_is_read_unasked_is_known() -> None:
    """A further file that is shown to every model, or a further kind of memory, is a further surface."""
    assert INSTRUCTIONS == ("AGENTS.md", "CLAUDE.md", ".github/copilot-instructions.md"), "all go the way of AGENTS.md"
    assert KINDS == ("episodic", "semantic", "procedural"), "memory, memory, SKILL.md"
    assert len(FOLDERS) == 5, "all go the way of SKILL.md"


def test_every_surface_that_is_named_is_tried_and_the_other_way_round() -> None:
    named = set[str]().union(*PROMPT_VARIABLES.values(), *MESSAGES.values(), *ACTIONS.values())
    assert named - OURS == SURFACES.keys() | APART
