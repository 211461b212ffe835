"""State: every channel of a run. Each node sees the slice it declares and no more (see tests/architecture)."""

from typing import Annotated, TypedDict

from langchain_core.messages import AnyMessage
from langgraph.graph.message import add_messages

from domain import Action, CommandRun, Ending, Plan, Requirement, Review, Risk, Spent, Task, Verdict
from domain.coder import CoderTurn, OpenQuestion
from domain.evidence import Evidence, Finding, Proof
from domain.progress import Attempt, CandidateLoop, Pending, Selection
from domain.team import Team
from domain.work import PublishTarget
from models import Message
from sandbox import Delivered, Pinned, Snapshot


class State(TypedDict):
    """What a checkpoint holds. Files live in the content store; here are only their tree ids.

    At the start only ``run`` and ``task`` are there; each node's slice says what it relies on.
    """

    messages: Annotated[list[AnyMessage], add_messages]
    """For chat clients: the task may come in here, the answer goes out here."""

    run: str
    org: str
    task: Task
    pinned: Pinned
    expert: str
    spent: Spent
    submodules: tuple[str, ...]
    """Those whose files are not there, with the way to get them."""

    plan: Plan
    planning: tuple[Message, ...]
    context: str
    baseline: CommandRun
    done: tuple[str, ...]
    round: int
    seen: tuple[str, ...]

    snapshot: Snapshot
    good: Snapshot
    attempts: tuple[Attempt, ...]
    choices: tuple[Selection, ...]
    loops: tuple[CandidateLoop, ...]
    """Of the coder, as candidates, until one of them is chosen; empty: one coder works on its own."""
    loop_snapshots: tuple[Snapshot, ...]
    """What the loops began with, then where each of them ended."""
    loop_transcripts: tuple[tuple[Message, ...], ...]
    """The conversation of each loop that ended."""
    team: Team | None
    """The workers that share the plan's steps; ``snapshot`` is then the trunk. None: one coder does them in turn."""
    team_snapshots: tuple[Snapshot, ...]
    """Where the branch of each worker stands, in the order of the workers."""
    team_transcripts: tuple[tuple[Message, ...], ...]
    """The conversation of each worker."""
    worker: str
    """Whose action is signed, or whose question is answered; empty: the run's only coder."""
    transcript: tuple[Message, ...]
    turns: tuple[CoderTurn, ...]
    """Of the coder since the last plan, without the texts that the transcript has."""
    past_turns: tuple[CoderTurn, ...]
    """Of the coder under earlier plans; the oldest are left out."""
    question: OpenQuestion | None
    """What the coder asks the person; the run waits for the answer."""
    evidence: tuple[Evidence, ...]
    tries: int

    proof: Proof
    review: Review | None
    findings: tuple[Finding, ...]
    diff: str
    readable: str
    """The same for a reader; empty where it says the same."""

    pending: Pending | None
    action: Action | None
    risk: Risk | None
    requirement: Requirement | None
    ballot: str
    verdict: Verdict | None
    ask_round: int
    contributors: tuple[str, ...]
    """Who shaped the change besides the requester: by a wish, by an answer to the coder, by an edit of a command."""

    target: PublishTarget | None
    """Where a pull request or a deployment goes; None: the delivery leaves no machine of ours."""
    published: Delivered | None
    """The last delivery to a forge: a refinement adds a commit to its branch."""
    delivered: Delivered | None
    ending: Ending | None
