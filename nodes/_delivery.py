"""What a delivery is, to the byte: the commit message, the branch, and the action that gets signed."""

import re
import textwrap
from collections.abc import Sequence

from domain import Action, Attempt, Proof, Task, redacted
from sandbox import Pinned

SUBJECT = 72


def branch_name(task: Task, run: str) -> str:
    """``signoff/<words of the task>-<run>``, made of characters that every tool likes."""
    words = re.sub(r"[^a-z0-9]+", "-", task.text.splitlines()[0].lower()).strip("-")[:40].strip("-")
    return f"signoff/{words or 'change'}-{re.sub('[^A-Za-z0-9]', '', run)[-8:]}"


def commit_message(task: Task, run: str, attempts: Sequence[Attempt], proof: Proof) -> str:
    """The coder's own words, or the task's, and below them what proves the change."""
    own = next((a.change.commit_message.strip() for a in reversed(attempts) if a.change.commit_message.strip()), "")
    subject, _, body = (own or task.text.strip()).partition("\n")
    if len(subject) > SUBJECT:
        subject, body = f"{subject[: SUBJECT - 1].rstrip()}…", f"{subject}\n{body}".strip()
    if own and not body.strip():
        body = textwrap.fill(" ".join(task.text.split())[:2_000], SUBJECT)
    report = proof.report
    counts = f" ({report.summary})" if report else ""
    lines = [subject, "", body.strip(), "", f"Proved by: {proof.command} → exit code {proof.run.code}{counts}",
             f"Signoff-Run: {run}"]  # fmt: skip
    return redacted(re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()) + "\n"


def delivery_action(task: Task, pinned: Pinned, run: str, tree: str, message: str) -> Action:
    """The canonical form of a delivery (see docs/approvals.md)."""
    if task.deliver == "patch":
        return Action(tool="patch", arguments={}, target="the caller", base_commit=pinned.commit, content=tree)
    arguments: dict[str, str | int | bool | list[str] | None] = {"message": message, "parent": pinned.commit}
    if task.deliver == "branch":
        arguments["branch"] = branch_name(task, run)
    tool = "branch" if task.deliver == "branch" else "commit"
    return Action(tool=tool, arguments=arguments, target=pinned.repo, base_commit=pinned.commit, content=tree)
