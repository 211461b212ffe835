"""Every parser of text from outside, by the module whose patterns it tries, and shapes that hurt parsers.

A new parser is one line in ``PARSERS``. ``tests/adversarial/test_outside_text.py`` doubles what each of them reads.
"""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from approvals import rendering
from approvals.channels.github import parse_github
from approvals.channels.slack import parse_slack
from approvals.channels.standard import parse_standard
from approvals.channels.teams import parse_teams, plain_text
from domain import CodeChange, CommandRun, NewFile, Plan, Refused
from domain.acceptance import find_acceptance, narrowed, package_named
from domain.change import Hunk, mode_changes
from domain.coder import EditBlock
from domain.environment_faults import environment_faults
from domain.evidence import LeftOut, Output, TestCase, TestReport
from domain.identity import redacted
from domain.masking import Masker, find_personal, find_secrets, without_echoes
from domain.reports import read_report
from domain.text import (
    NumberedEdit,
    OddJson,
    decoded,
    definitions,
    failure_kind,
    fitted_change,
    json_value,
    passages,
    python_tree,
    read_json,
    yaml_value,
)
from domain.text.charsets import declarations
from domain.text.elision import elision, unnumbered, with_whole_lines
from domain.weakening import is_test, weakened
from forges.registry import path_within
from forges.rendering import code, fenced, key_of, marked, quiet
from memory import skill_of
from memory.learning import words_of
from memory.records import RanCommand
from memory.rendering import quotable
from models import errors
from models.clients import dialect
from models.clients.contract import Dialect
from models.clients.openai import with_text_arguments
from models.clients.structured import json_values, read, without_thoughts
from models.contract import estimated
from models.dialects import single as single_dialect
from models.dialects import text as text_dialect
from models.experts import word_pattern
from models.partial_json import PartialChange
from models.policy import parse_policy
from models.prompts import Prompt
from models.repair.wording import subject
from models.wrappers import similarity
from nodes._commands import plain
from nodes._masking import masked_run
from nodes.coder.candidate_runs import as_diff
from nodes.coder.command_edits import NamedPaths, asked_for
from nodes.coder.transcript import without_seconds
from nodes.review import _ABOUT_TESTS, changed_files
from retrieval import chunks, file_filter, mentions, repomap, terms, trace
from retrieval.index import analysis, postings
from risk import RiskEngine, default_rules, read_policy
from risk.bash.quoting import ansi, bare, braces, double_quoted
from risk.content import deceptive, secrets, unseen
from risk.diff import _unquoted
from risk.paths import glob_expression
from sandbox.environments.credentials import Credentials, IndexCredential, credential, unauthorized_host
from sandbox.environments.failures import setup_fault
from sandbox.environments.images import python_fits
from sandbox.environments.lfs import lfs_paths
from sandbox.environments.other_languages import make, node
from sandbox.environments.python import chosen_files
from sandbox.environments.python_files import read_project
from sandbox.environments.services import services
from sandbox.environments.system_packages import is_hint, pip_installs, system_packages
from sandbox.requirements import is_manifest, requirements
from sandbox.source.push import push_refusal
from sandbox.workspace import submodules
from sandbox.workspace.recent_changes import hunks
from service.api.openai.intent import route_intent
from service.cli import logged_tests
from service.console.diffs import read_diff
from service.eval.attempts import is_refusal
from service.eval.hidden_tests import patched_paths
from service.eval.test_statuses import test_statuses as statuses_of
from service.report import diff_view, harmless
from telemetry.redact import Redactor
from tests.worlds.pieces import PIECES

ENGINE, RULES, REDACTOR = RiskEngine(), default_rules(), Redactor(("a-secret-of-this-house",))
_SLOW = CommandRun(command="pytest", ended="exit", code=1, duration_ms=99_000)
_REPORT = TestReport(runner="pytest", failed=1, cases=(TestCase(id="a::b", outcome="failed"),))
_TEST = "    def test_a():\n"
_HUNK = "diff --git a/a.py b/a.py\n+++ b/a.py\n@@ -1 +1 @@\n"
COMMAND, LINE = 15_000, 1_900
"""Characters of a command that the engine reads closely, and of one that a model may write."""


@dataclass(frozen=True, slots=True)
class Parser:
    module: str
    """Where its patterns are."""
    read: Callable[[str], Any]
    most: int = 64_000
    """Characters it ever gets."""
    refuses: tuple[type[Exception], ...] = ()
    """How it says that a text is none of its own."""


def _wrote(text: str) -> object:
    return parse_teams(json.dumps({"type": "message", "channelId": "msteams", "text": text}).encode())


def _raw(text: str) -> bytes:
    return text.encode(errors="replace")


def _ran(text: str) -> CommandRun:
    return CommandRun(command="true", ended="exit", code=0, stdout=Output(head=_raw(text)))


def _diff(text: str) -> str:
    lines = text.split("\n")
    return f"diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n@@ -0,0 +1,{len(lines)} @@\n+" + "\n+".join(lines) + "\n"


def _hunk(text: str) -> Hunk:
    return Hunk(path="a.py", before=text, after="x", commit="c", subject="")


def _quoted(text: str) -> str:
    return text.replace("'", "").replace("\n", ";")


def _option(text: str) -> dict[str, Any]:
    flat = text.replace("\n", " ")
    return {"files": {"a.py": {}}, "diff": f"-x{flat}\n+{flat}y", "what": "a swap at line 1"}


PARSERS = (
    Parser("memory.skills", lambda text: skill_of("skills/a/SKILL.md", _raw(f"---\n{text}"))),
    Parser("memory.rendering", quotable),
    Parser("memory.learning", lambda text: words_of(RanCommand(command=text, code=0))),
    Parser("domain.reports", read_report),
    Parser("service.eval.test_statuses", statuses_of),
    Parser("service.eval.hidden_tests", patched_paths),
    Parser("service.eval.attempts", is_refusal),
    Parser("service.console.diffs", read_diff),
    Parser("domain.environment_faults", lambda text: environment_faults(text, (), ())),
    Parser("domain.change", mode_changes),
    Parser("sandbox.environments.lfs", lambda text: list(lfs_paths({".gitattributes": text}, ["a/b.bin", text[:200]]))),
    Parser("sandbox.environments.python_files", lambda text: read_project({"pyproject.toml": text, "PKG-INFO": text})),
    Parser("sandbox.environments.python_files", lambda text: read_project({"tox.ini": f"[testenv]\ndeps = {text}"})),
    Parser("sandbox.environments.python_files", lambda text: read_project({"setup.py": text, "noxfile.py": text})),
    Parser("sandbox.environments.python_files", lambda text: read_project({"Pipfile": f"[packages]\n{text} = 1"})),
    Parser("sandbox.environments.credentials", unauthorized_host),
    Parser("sandbox.environments.failures", setup_fault),
    Parser("sandbox.environments.credentials", Credentials((IndexCredential("a.example", "a-token"),)).variables),
    Parser("sandbox.environments.credentials", lambda text: credential("a.example", text), refuses=(Refused,)),
    Parser("sandbox.environments.other_languages", lambda text: node({"package.json": text}, ())),
    Parser("sandbox.environments.other_languages", lambda text: make({"Makefile": text}, ())),
    Parser(
        "sandbox.environments.system_packages", lambda text: system_packages((), {"Dockerfile": text}, native=False)
    ),
    Parser("sandbox.environments.system_packages", lambda text: pip_installs({"ci.yml": f"pip install {text}"})),
    Parser("sandbox.environments.system_packages", lambda text: is_hint(f"compose{text}.yml"), most=4_000),
    Parser("sandbox.environments.services", lambda text: services((), {"ci.yml": f"services: [{text}]"}, text)),
    Parser("sandbox.environments.python", lambda text: chosen_files((f"{text}.txt", "tests.txt"))),
    Parser("sandbox.environments.images", lambda text: python_fits(text, "3.11.2")),
    Parser("domain.text.failures", failure_kind),
    Parser("domain.acceptance", lambda text: find_acceptance((), {"package.json": text, "Makefile": text})),
    Parser("domain.acceptance", lambda text: find_acceptance((text,), {}), most=4_000),
    Parser("domain.acceptance", lambda text: package_named(text, ("a/b/setup.py", "c/go.mod"))),
    Parser("domain.acceptance", lambda text: narrowed(text, _SLOW, _REPORT)),
    Parser("domain.weakening", lambda text: weakened({"tests/test_a.py": text}, {"tests/test_a.py": f"{text} "})),
    Parser("domain.weakening", is_test, most=4_000),
    Parser("domain.text.untrusted", python_tree),
    Parser("domain.text.untrusted", json_value, refuses=(ValueError,)),
    Parser("domain.text.untrusted", yaml_value, refuses=(ValueError,)),
    Parser("nodes._commands", lambda text: plain(_ran(text))),
    Parser("nodes.coder.candidate_runs", lambda text: ENGINE.secrets(as_diff(_hunk(text)))),
    Parser("nodes.review", changed_files),
    Parser("nodes.review", _ABOUT_TESTS.search, most=20_000),
    Parser("sandbox.workspace.recent_changes", lambda text: list(hunks(f"\0c s\n{_HUNK}{text}"))),
    Parser("sandbox.workspace.recent_changes", lambda text: list(hunks(f"\0{text}"))),
    Parser("sandbox.requirements", lambda text: requirements({"pyproject.toml": text}), refuses=(ValueError,)),
    Parser("sandbox.requirements", lambda text: requirements({"setup.cfg": text}), refuses=(ValueError,)),
    Parser("sandbox.requirements", lambda text: requirements({"setup.cfg": f"[a]\n{text}"}), refuses=(ValueError,)),
    Parser("sandbox.requirements", lambda text: requirements({"setup.py": text}), refuses=(ValueError,)),
    Parser("sandbox.requirements", lambda text: requirements({"requirements.txt": text}), refuses=(ValueError,)),
    Parser("sandbox.requirements", is_manifest, most=4_000),
    *(
        Parser("retrieval.chunks", lambda text, ending=ending: chunks.chunk(f"a.{ending}", text), most=8_000)
        for ending in ("py", "js", "ts", "tsx", "go", "rs", "txt")
    ),
    Parser("retrieval.terms", terms.query_terms),
    Parser("retrieval.index.postings", lambda text: postings.counted(text[:400], _raw(text), {})),
    Parser("retrieval.file_filter", file_filter.path_weight),
    Parser("retrieval.repomap", repomap.uses_of),
    Parser("retrieval.trace", trace.locations),
    Parser("retrieval.trace", trace.named),
    Parser("retrieval.trace", lambda text: mentions.mentions(text, (), ("a.py", "b/a.py"))),
    Parser("retrieval.index.analysis", lambda text: analysis.index_file("a.txt", text)),
    Parser("risk.shell", lambda text: ENGINE.command(text[:LINE])),
    Parser(
        "risk.programs.argument_kinds",
        lambda text: ENGINE.command(f"find . -name '{_quoted(text[:LINE])}' -exec rm {{}} ;"),
    ),
    Parser("risk.paths", lambda text: ENGINE.command(f"cat /etc/{text[:LINE]}Z")),
    Parser("risk.programs.awk", lambda text: ENGINE.command(f"awk '{_quoted(text)}'"), most=COMMAND),
    Parser("risk.programs.sed", lambda text: ENGINE.command(f"sed '{_quoted(text[:LINE])}'")),
    Parser("risk.programs.embedded_code", lambda text: ENGINE.command(f"python3 -c '{_quoted(text)}'"), most=COMMAND),
    Parser("risk.programs.written_scripts", lambda text: ENGINE.command(f"cat > a.sh <<'EOF'\n{text[:LINE]}\nEOF\n")),
    Parser("risk.paths", lambda text: glob_expression(text[:LINE]).fullmatch(text)),
    Parser("risk.bash.quoting", lambda text: (ansi(text), bare(text), double_quoted(text), braces(text))),
    Parser("risk.content", lambda text: (list(deceptive(text)), list(unseen(text)), list(secrets(text, RULES)))),
    Parser("risk.diff", lambda text: ENGINE.delivery(text, kind="branch")),
    Parser("risk.diff", lambda text: ENGINE.delivery(_diff(text), kind="branch")),
    Parser("risk.diff", lambda text: _unquoted(f'"{text}"')),
    Parser("risk.files", lambda text: ENGINE.change(CodeChange(files_to_create=(NewFile(path="a.py", content=text),)))),
    Parser("risk.policy", read_policy, refuses=(Refused,)),
    Parser(
        "domain.text.patterns",
        lambda text: read_policy(f"tighten: [{{because: x, command: '{_quoted(text)}'}}]"),
        refuses=(Refused,),
    ),
    Parser("models.policy", parse_policy, refuses=(Refused,)),
    Parser("models.prompts", lambda text: Prompt.parse(text, name="x"), refuses=(Refused,)),
    Parser("models.clients.structured", lambda text: read(text, CodeChange)),
    Parser("models.clients.structured", lambda text: read(f"{{{text}", Plan)),
    Parser("models.clients.structured", without_thoughts),
    *(
        Parser(f"models.dialects.{name}", text_dialect.read)
        for name in ("text", "fences", "markers", "blocks", "calls")
    ),
    Parser("models.dialects.markers", lambda text: text_dialect.read(f"```edit a.py\n<<<<<<< SEARCH\n{text}")),
    Parser("models.dialects.blocks", lambda text: text_dialect.read(f"```diff\n--- a\n+++ b\n@@ @@\n{text}\n```")),
    Parser("models.dialects.blocks", lambda text: text_dialect.read(f"{text}\n```python {text[:900]}\n{text}\n```")),
    Parser("models.dialects.blocks", lambda text: text_dialect.read(f"```open\n{text}\n```")),
    Parser("models.dialects.calls", lambda text: text_dialect.read(f"<tool_call>{text}")),
    Parser("models.dialects.calls", lambda text: text_dialect.read(f"<function=open>{text}")),
    Parser("models.dialects.single", single_dialect.read),
    Parser("models.contract", estimated),
    Parser("models.experts", lambda text: word_pattern("sql").search(text)),
    Parser("models.wrappers.similarity", lambda text: (similarity.content(text), similarity.names(text))),
    Parser("models.errors", lambda text: errors.refusal(400, errors.error_text(_raw(text)), where="x")),
    Parser("models.clients.structured", lambda text: list(json_values(text))),
    Parser("models.clients.structured", lambda text: list(json_values(f"{{'a': [{text}"))),
    Parser("models.clients.openai", lambda text: with_text_arguments(f"data: {text}".encode())),
    Parser("models.clients.dialect", lambda text: dialect.relax(Dialect(), text)),
    Parser("models.repair.wording", lambda text: subject(_option(text))),
    Parser("approvals.rendering", lambda text: (rendering.visible(text), rendering.diff_lines(text))),
    Parser("approvals.channels.base", lambda text: parse_standard(_raw(text)), refuses=(Refused,)),
    Parser("approvals.channels.base", lambda text: parse_slack(_raw(text)), refuses=(Refused, ValueError)),
    Parser("approvals.channels.base", lambda text: parse_github(_raw(text), "check_run"), refuses=(Refused,)),
    Parser("approvals.channels.teams", lambda text: parse_teams(_raw(text)), refuses=(Refused,)),
    Parser("approvals.channels.teams", lambda text: (_wrote(text), _wrote(f"<at>{text}")), refuses=(Refused,)),
    Parser("approvals.channels.teams", plain_text),
    Parser("forges.rendering", lambda text: (quiet(text), marked(text, "k"), key_of(text))),
    Parser("forges.rendering", lambda text: (code(text), fenced(text))),
    Parser("forges.registry", lambda text: path_within("https://github.com", text), most=4_000),
    Parser("sandbox.source.push", lambda text: push_refusal("https://x", "b", text)),
    Parser("service.cli.logged_tests", lambda text: logged_tests.remade({"log": text}, {"a.py": "x = 1"})),
    Parser("service.cli.logged_tests", lambda text: logged_tests.remade({"": f"{_TEST}{text}"}, {"a.py": text})),
    Parser("models.partial_json", lambda text: PartialChange().read(text)),
    Parser("models.partial_json", lambda text: PartialChange().read(f'{{"path": "{text}')),
    Parser("domain.identity.addresses", redacted),
    Parser("domain.masking.echo", lambda text: without_echoes(text, [text])),
    Parser("domain.masking.masker", Masker(key="k", known={"zebra-7-of-all": "value"}).text),
    Parser("domain.masking.personal", find_personal),
    Parser("domain.masking.secrets", find_secrets),
    Parser("domain.masking.values", lambda text: find_secrets(f"password = {text}")),
    Parser("domain.text.charsets", lambda text: declarations({".editorconfig": _raw(text)})),
    Parser("domain.text.charsets", lambda text: declarations({".gitattributes": _raw(text)})),
    Parser("domain.text.passages", lambda text: passages.find(text, f"x\n{text[: len(text) // 9]}", text)),
    Parser("domain.text.passages", lambda text: passages.find(f"{text}\n y", f"{text}\n  y\n", f"{text}\n  z\n")),
    Parser("domain.text.passages", lambda text: passages.find(text, f"{text[:900]}\nunique_line\n", text)),
    Parser("domain.text.passages", lambda text: passages.find("x", f"1 {text}", text)),
    Parser("domain.text.elision", lambda text: elision(text, "a.py")),
    Parser("domain.text.elision", lambda text: elision(f"# {text}", "a.py")),
    Parser("domain.text.elision", lambda text: with_whole_lines(f"{text} … 3 more characters\n{text}", [text])),
    Parser("domain.text.elision", lambda text: unnumbered(f"1 {text}")),
    Parser(
        "domain.text.ladder",
        lambda text: fitted_change(
            CodeChange(),
            [NumberedEdit(number=1, edit=EditBlock(path=text[:1_000], search="a", replace="b"))],
            {text[:1_000]: "a"},
        ),
    ),
    Parser(
        "nodes.coder.command_edits",
        lambda text: asked_for([LeftOut(path=text, how="new")], NamedPaths.of(text), tests=False),
        most=2_000,
    ),
    Parser("nodes.coder.transcript", without_seconds),
    Parser("domain.text.definitions", lambda text: definitions.redefined(text, "def a():\n    pass\n", "a.py")),
    Parser("domain.text.definitions", lambda text: definitions.redefined(text, f"def a():\n    {text}\n", "a.py")),
    Parser(
        "domain.text.definitions",
        lambda text: definitions.redefined(f"function a() {{\n{text}", "function a() {\n}", "a.js"),
    ),
    Parser("domain.text.definitions", lambda text: definitions.names(text, "js")),
    Parser("domain.text.encoding", lambda text: decoded(_raw(text), "a.html")),
    Parser("nodes._masking", lambda text: masked_run(_ran(text), Masker())),
    Parser("sandbox.workspace.submodules", submodules.names),
    Parser("domain.text.strict_json", lambda text: read_json(_raw(text)), refuses=(OddJson,)),
    Parser("service.api.openai.intent", lambda text: route_intent(text, on_thread=True, ordered=False)),
    Parser("service.report", diff_view),
    Parser("service.cli.terminal", harmless),
    Parser("telemetry.redact", REDACTOR.text),
)

SHELL = frozenset(
    {
        "risk.bash.heredocs",
        "risk.programs.find_fd",
        "risk.bash.ambiguities",
        "risk.programs.invocations",
        "risk.programs.argument_kinds",
        "risk.programs.launchers",
        "risk.bash.pipes",
        "risk.programs.tools",
        "risk.bash.words",
        "risk.bash.variables",
    }
)
"""Modules of which ``Engine.command`` tries every pattern: they are read with ``risk.shell``."""
OURS = {
    "service.backup.keys": "names of our own key files",
    "service.console.timeline": "a place of at most 26 characters",
    "service.people.renaming": "one name, at each place at most once",
    "models.clients.contract": "names of our own types",
    "nodes.assess": "at most 20,000 characters of a task, each tried once",
    "risk.grammar": "grammars that come with the house",
    "risk.rules": "patterns that come with the house, on texts that other modules bound",
    "sandbox.egress.policy": "a request line of at most 400 bytes, host names of at most 253 characters",
    "sandbox.local.folder": "commands of the twin, which is no sandbox",
    "sandbox.kubernetes.errors": "at most 500 characters of what a cluster says",
    "service.network": "the host of an address in the settings",
    "service.wiring.environments": "words that programs of our images print of themselves",
    "sandbox.docker.isolation": "the version that Docker names",
    "sandbox.workspace.layout": "ids of runs",
    "sandbox.workspace.texts": "one literal, on a patch that git wrote",
    "sandbox.git": "ids that git prints",
    "domain.masking.files": "names of files",
    "domain.masking.patterns": "patterns that come with the house, tried by domain.masking.secrets",
    "domain.masking.tokens": "patterns that come with the house, tried by domain.masking.secrets",
    "risk.executed": "names of files",
    "risk.programs.version_control": "words of a command, which risk.shell bounds",
    "sandbox.paths": "paths of at most 3,000 bytes",
    "sandbox.source.refs": "revisions of at most 2,000 characters, and refs of at most 4 kB",
    "sandbox.source.remote": "what git prints, bounded",
    "sandbox.source.repository": "addresses of at most 2,000 characters",
    "sandbox.source.work_tree": "the first kilobyte of a file",
    "service.auth.oidc": "claims of a token that was verified, each of at most 300 characters",
    "service.auth.allowed": "addresses of at most 2,000 characters",
    "service.runs.threads": "ids of threads",
    "sandbox.workspace.trees": "paths that git prints",
    "service.cli.app": "help of our own",
    "service.cli.operations.images": "the name of a folder",
    "service.runs.submission": "keys of 32 letters",
    "telemetry.span_files": "ids of runs",
}
"""Modules with patterns that read nothing from outside, or nothing long; and why."""


def shapes(seed: str, mixed: int) -> Iterator[tuple[str, Callable[[int], str]]]:
    """A name and a text of any length for each hostile shape: one piece again and again, and some mixtures of them."""
    draw = random.Random(seed)
    for piece in PIECES:
        yield repr(piece), _repeated("", piece, "")
    for _ in range(mixed):
        before, after = draw.choice(PIECES), draw.choice(PIECES)
        piece = "".join(draw.choices(PIECES, k=draw.randint(1, 3)))
        yield f"{before!r} + {piece!r} … + {after!r}", _repeated(before, piece, after)


def _repeated(before: str, piece: str, after: str) -> Callable[[int], str]:
    return lambda chars: before + (piece * (chars // len(piece) + 1))[:chars] + after
