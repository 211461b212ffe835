"""The judge: a model that scores a change beside another by a rubric, in both positions, three times.

It never says whether a case is resolved: the hidden tests do. Its scores stand beside them with how well they agree,
and with what it is known to be swayed by. It says nothing where it contradicts itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from statistics import fmean, median
from typing import Annotated, Final, Literal

from pydantic import Field

from domain import Refused, SignoffError, value
from domain.masking import Masker
from models import Model, ModelSettings, Prompt, Question, metered
from models.routing import ModelCard, ModelRegistry
from service.statistics import Interval, paired_difference, wilson

PROMPT: Final = Path(__file__).with_name("judge.md")
VOTES: Final = 3
GOOD: Final = 4
"""The score from which a change does what was asked."""
SHOWN: Final = 24_000
"""Characters of a change that are shown; a longer one is not judged."""
NOTHING: Final = "(nothing was changed)"
PADDING: Final = "".join(
    f"+# This line explains once more what the change above does, step {n}.\n" for n in range(1, 13)
)
"""Lines that make a change longer and no better."""


@value
class JudgeAnswer:
    """What the model says of two changes."""

    a: Annotated[int, Field(ge=1, le=5)]
    b: Annotated[int, Field(ge=1, le=5)]
    cannot_judge: bool = False
    reason_a: str = ""
    reason_b: str = ""


@value
class JudgeVote:
    """One vote: the same two changes in both positions."""

    first: float
    """Mean of its two scores."""
    second: float
    first_position: float
    """By how much position A was scored higher than B, whatever stood there."""
    flipped: bool
    """The better one changed with the position."""


@value
class Judgement:
    """What the votes come to. Without a score the judge could not tell."""

    score: float | None
    """Of the first change; the median of the votes, from 1 to 5."""
    other: float | None
    """Of the second."""
    votes: tuple[JudgeVote, ...] = ()
    abstained: int = 0
    """Votes that said so, or could not be read."""
    why: str = ""
    cost: Decimal = Decimal(0)

    @property
    def good(self) -> bool | None:
        """Whether the first change does what was asked; None: the judge could not tell."""
        return None if self.score is None else self.score >= GOOD


@value
class KnownCase:
    """Two changes for one task, of which is known what the judge should say."""

    case: str
    kind: Literal["good", "bad", "same", "padded"]
    """``good`` and ``bad``: of the first, by evidence; ``same``: both are one change; ``padded``: the second is the
    first with comments."""
    task: str
    first: str
    second: str


@value
class JudgeReport:
    """How far a judge can be believed."""

    model: str
    same_family: bool
    """As the coder's: it may like what it would have written."""
    judged: int
    refused: int
    """Pairs that it could not tell."""
    agreement: Interval
    """With evidence, over good and bad cases that it judged."""
    kappa: float
    """Cohen's: agreement beyond chance."""
    false_good: int
    """Bad by evidence and good by the judge."""
    false_bad: int
    position_bias: Interval
    """By how much position A is scored higher, with the same change in both."""
    flips: float
    """Share of all votes in which the better one changed with the position."""
    length_bias: Interval
    """By how much the same change is scored higher with comments added."""
    cost: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class ChangeJudge:
    """Asks one model."""

    model: Model
    settings: ModelSettings
    prompt: Prompt
    votes: int = VOTES

    @classmethod
    def of(cls, model: Model, settings: ModelSettings) -> "ChangeJudge":
        return cls(model, settings, Prompt.load(PROMPT))

    async def __call__(self, task: str, first: str, second: str = "") -> Judgement:
        """Score a change beside another one, or beside nothing.

        Raises:
            Transient: the model's endpoint does not answer.
        """
        shown = [Masker().text(each.strip()) or NOTHING for each in (first, second)]
        if max(map(len, shown)) > SHOWN:
            return Judgement(score=None, other=None, why=f"a change is longer than {SHOWN:,} characters")
        votes: list[JudgeVote] = []
        with metered() as meter:
            for _ in range(self.votes):
                straight = await self._asked(task, shown[0], shown[1])
                turned = await self._asked(task, shown[1], shown[0])
                if straight is not None and turned is not None:
                    votes.append(vote_of(straight, turned))
        return judgement(votes, self.votes, meter.spent.cost)

    async def _asked(self, task: str, a: str, b: str) -> JudgeAnswer | None:
        """One answer; None where it says that it cannot tell, or cannot be read."""
        messages = self.prompt.render(task=Masker().text(task), a=a, b=b)
        try:
            reply = await self.model.ask(Question(messages, JudgeAnswer, settings=self.settings))
        except SignoffError as error:
            if error.stable_code in {"llm_unreadable", "llm_cut_off", "llm_content_filter"}:
                return None
            raise
        return None if reply.value.cannot_judge else reply.value


def vote_of(straight: JudgeAnswer, turned: JudgeAnswer) -> JudgeVote:
    """Make a vote of two answers, the second with the changes in each other's place."""
    ahead, ahead_turned = straight.a - straight.b, turned.b - turned.a
    return JudgeVote(
        first=(straight.a + turned.b) / 2,
        second=(straight.b + turned.a) / 2,
        first_position=((straight.a + turned.a) - (straight.b + turned.b)) / 2,
        flipped=ahead * ahead_turned < 0,
    )


def judgement(votes: Sequence[JudgeVote], of: int, cost: Decimal = Decimal(0)) -> Judgement:
    """Take the votes together: a majority has to be there, and not to turn with the positions."""
    abstained = of - len(votes)
    steady = [each for each in votes if not each.flipped]
    score = other = None
    why = ""
    if 2 * len(votes) <= of:
        why = f"{abstained} of {of} votes say nothing"
    elif 2 * len(steady) <= of:
        why = f"the better one turns with the position in {len(votes) - len(steady)} of {of} votes"
    else:
        score, other = median(each.first for each in steady), median(each.second for each in steady)
    return Judgement(score=score, other=other, votes=tuple(votes), abstained=abstained, why=why, cost=cost)


def known_cases(case: str, task: str, gold: str, wrong: Sequence[str] = ()) -> tuple[KnownCase, ...]:
    """Return what a judge is tried on: the known change, none, known wrong ones, itself, and itself with comments."""
    pairs: list[tuple[Literal["good", "bad", "same", "padded"], str, str]] = [
        ("good", gold, ""),
        ("bad", "", gold),
        *(("bad", each, gold) for each in wrong),
        ("same", gold, gold),
        ("padded", gold, gold.rstrip("\n") + "\n" + PADDING),
    ]
    return tuple(KnownCase(case=case, kind=kind, task=task, first=a, second=b) for kind, a, b in pairs)


def report_on(model: str, judged: Sequence[tuple[KnownCase, Judgement]], *, same_family: bool = False) -> JudgeReport:
    """Hold the judge against what is known."""
    told = [(each.kind == "good", each_.good) for each, each_ in judged if each.kind in {"good", "bad"}]
    known = [(evidence, good) for evidence, good in told if good is not None]
    agree = sum(evidence == good for evidence, good in known)
    same = [vote for each, told_ in judged if each.kind == "same" for vote in told_.votes]
    padded = [vote for each, told_ in judged if each.kind == "padded" for vote in told_.votes]
    votes = [vote for _, told_ in judged for vote in told_.votes]
    return JudgeReport(
        model=model,
        same_family=same_family,
        judged=len(judged),
        refused=sum(each.score is None for _, each in judged),
        agreement=wilson(agree, len(known)),
        kappa=kappa(known),
        false_good=sum(good and not evidence for evidence, good in known),
        false_bad=sum(evidence and not good for evidence, good in known),
        position_bias=paired_difference([(0.0, vote.first_position) for vote in same]),
        flips=fmean(vote.flipped for vote in votes) if votes else 0.0,
        length_bias=paired_difference([(vote.first, vote.second) for vote in padded]),
        cost=sum((each.cost for _, each in judged), Decimal(0)),
    )


def kappa(pairs: Sequence[tuple[bool, bool]]) -> float:
    """Return Cohen's kappa of two raters; 0 where chance alone would agree always."""
    if not pairs:
        return 0.0
    count = len(pairs)
    agreed = sum(a == b for a, b in pairs) / count
    first, second = sum(a for a, _ in pairs) / count, sum(b for _, b in pairs) / count
    chance = first * second + (1 - first) * (1 - second)
    return 0.0 if chance >= 1 else (agreed - chance) / (1 - chance)


def family(model: str) -> str:
    """Return the family of a model by its name: ``Qwen/Qwen2.5-Coder-7B`` → ``qwen``."""
    name = model.rpartition("/")[2].lower()
    letters = ""
    for char in name:
        if not char.isalpha():
            break
        letters += char
    return letters or name


async def judging_model(registry: ModelRegistry, *, coder: str, wanted: str | None) -> tuple[Model, ModelCard]:
    """Return the model that judges: the named one, else one of another family than the coder's, else what there is.

    Raises:
        Refused: ``llm_none``: no model is configured, or none of that name.
    """
    cards = (await registry.cards("reviewer")).all
    if wanted is not None:
        cards = tuple(card for card in cards if card.id == wanted)
    if not cards:
        raise Refused(
            f"There is no model {wanted or ''} that could judge.".replace("  ", " "),
            code="llm_none",
            hint="Set SIGNOFF_MODEL_BASE_URL, or name one that signoff models list shows.",
        )
    card = next((each for each in cards if family(each.id) != family(coder)), cards[0])
    return await registry.open("reviewer", card, card.id), card
