"""Markdown for a forge: comments that are written once, the text of a pull request, what waits for a signature. Pure.

Words from outside stand in code spans and fences that they cannot end, so nothing in them mentions people, closes
issues, loads pictures or takes a comment's key.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from domain.evidence import Proof
from domain.identity import redacted

_KEY = re.compile(r"<!-- signoff:([A-Za-z0-9._:-]{1,200}) -->\s*\Z")
# Possessive: no run of spaces is looked at twice.
_CLOSES = re.compile(
    r"\b((?:clos|fix|resolv|implement)(?:e[sd]?|ed|es|s|ing)?)(:?\s++)(?=\S{0,200}#|GH-|https?://)", re.IGNORECASE
)
_MARK = re.compile(r"<!--(\s*signoff:)", re.IGNORECASE)
MOST_CHARS = 60_000
"""Of one text: GitHub takes 65,536, GitLab a million."""
_FIELD_CHARS, _REASONS, _ACTION_CHARS = 4_000, 20, 20_000
CUT = "**The action is longer than is shown here: read and sign it where all of it stands.**"


def marked(body: str, key: str) -> str:
    """A comment with its key, which is not shown. Keys that the text brought itself count for nothing any more."""
    text = _MARK.sub(r"&lt;!--\1", body)[:MOST_CHARS].rstrip()
    return f"{text}\n\n<!-- signoff:{key} -->" if key else text


def key_of(body: str) -> str:
    """The key of a comment that ``marked`` made; empty where it has none."""
    match = _KEY.search(body)
    return match[1] if match else ""


def code(text: str) -> str:
    """A code span of any text, on one line: with more backticks around it than it has in a row (CommonMark, 6.1)."""
    line = " ".join(text.split())[:_FIELD_CHARS]
    fence = "`" * (max((len(run) for run in re.findall(r"`+", line)), default=0) + 1)
    pad = " " if line.startswith("`") or line.endswith("`") or not line else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def fenced(text: str, language: str = "") -> str:
    """A block that shows text as it is, and that nothing in the text ends."""
    fence = "`" * max(3, max((len(run) for run in re.findall(r"`+", text)), default=0) + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def quiet(text: str) -> str:
    """Prose of a model or an outsider: it reads as written, and mentions nobody, closes nothing, embeds nothing."""
    text = re.sub(r"(?<![\w`])@(?=\w)", "@\u200b", text)
    # "Fixes #12", "Closes GH-3": the words that close what they name when this is merged.
    text = _CLOSES.sub("\\1\u200b\\2", text)
    text = re.sub(r"!\[", "!\u200b[", text)
    # GitLab takes a line that begins with a slash for a command.
    text = re.sub(r"(?m)^([^\S\n]{0,20})/(?=[A-Za-z])", "\\1\u200b/", text)
    return re.sub(r"<(?=[A-Za-z/!])", "&lt;", text)


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequestEvidence:
    """What a pull request says of its change besides the words that were signed."""

    run: str
    proof: Proof
    base_notes: tuple[str, ...] = ()
    """What the proof says of the base, a sentence each."""
    commit: str
    tree: str
    cost: Decimal
    model_calls: int
    tier: str
    reasons: tuple[str, ...] = ()
    signed_by: tuple[str, ...] = ()
    digest: str
    ballot: str = ""
    issue: str = ""
    """What it answers, as the forge links it: ``#12``."""


def pull_request_body(words: str, evidence: PullRequestEvidence) -> str:
    """The text of a pull request: the signed words, then a table of what was seen."""
    proof = evidence.proof
    counts = f", {proof.report.summary}" if proof.report else ""
    signed = ", ".join(map(code, evidence.signed_by)) or "nobody: the policy asks for no signature"
    rows = [
        ("Proof", f"{code(proof.command)} → exit code {proof.run.code}{counts}"),
        *(("", f"{note[:1].upper()}{note[1:]}") for note in evidence.base_notes),
        ("Commit", code(evidence.commit)),
        ("Tree", f"{code(evidence.tree)}, proved on a clean checkout"),
        ("Risk", f"**{evidence.tier}**" + "".join(f"<br>{code(each[:500])}" for each in evidence.reasons[:_REASONS])),
        ("Signed by", signed),
        ("Digest", code(evidence.digest)),
        ("Cost", f"{evidence.cost:.4f} in {evidence.model_calls} model calls"),
        ("Run", code(evidence.run)),
    ]
    table = "\n".join(f"| {name} | {_cell(text)} |" for name, text in rows)
    about = f"\n\nFor {quiet(' '.join(evidence.issue.split()))}." if evidence.issue else ""
    text = f"{quiet(redacted(words)).strip()[: _FIELD_CHARS * 5]}{about}\n\n### Evidence\n\n| | |\n|---|---|\n{table}\n"
    return text[:MOST_CHARS]


def approval_comment(
    parts: Sequence[tuple[str, str]],
    *,
    tier: str,
    reasons: Sequence[str],
    ballot: str,
    digest: str,
    state: str,
    humans: int,
    link: str,
    voters: Sequence[str] = (),
) -> str:
    """What waits for a signature: the tier, every reason, the action to the byte, and where to sign.

    It is no place to sign: words below it approve nothing. What is too long for it is cut, and ``CUT`` says so.

    Args:
        parts: the action's, by name, with what would not be seen spelled out.
        tier: of the action.
        reasons: why it has this tier, spelled out likewise.
        ballot: its id.
        digest: of the action.
        state: of the ballot.
        humans: how many have to sign.
        link: where they do; empty: nowhere.
        voters: who has answered, and how.
    """
    need = "one person" if humans == 1 else f"{humans} people"
    heads = {
        "pending": f"**A {tier} action waits for the signature of {need}.**",
        "approved": f"**This {tier} action was approved.**",
        "rejected": f"**This {tier} action was rejected.**",
    }
    head = heads.get(state, f"**This {tier} action is {state}.**")
    listed = [f"* {code(reason)}" for reason in reasons[:_REASONS]]
    listed += [f"* and {len(reasons) - _REASONS} more"] if len(reasons) > _REASONS else []
    exact = "\n".join(f"{name}: {_indented(redacted(text))}" for name, text in (("digest", digest), *parts) if text)
    cut = CUT if len(exact) > _ACTION_CHARS else ""
    where = f"[Look at it and sign]({link})" if link and state == "pending" else ""
    votes = f"Signed by {', '.join(map(code, voters))}." if voters else ""
    blocks = [head, votes, "\n".join(listed), fenced(exact[:_ACTION_CHARS]), cut, where, f"Approval {code(ballot)}."]
    return "\n\n".join(block for block in blocks if block)[:MOST_CHARS]


def _indented(text: str) -> str:
    """Text of several lines, none of which could be taken for the next part."""
    return text if "\n" not in text else "\n" + "\n".join(f"    {line}" for line in text.split("\n"))


def _cell(text: str) -> str:
    # A table ends its cells at a bar, also within code.
    return text.replace("\n", " ").replace("|", "\\|")
