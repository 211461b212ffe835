"""Intent of a request that names the coding graph: work on code, a question, or how its run stands. Rules, and pure.

Who names the coding model means code where nothing speaks against it: only what is plainly something else is not work.
"""

import re
from typing import Literal

from domain import value

Intent = Literal["code", "chat", "status"]
LONGEST = 600
"""Characters: who writes more describes work."""
_CODE = re.compile(
    r"\b(fix|add|implement|refactor|rename|remove|delete|write|create|change|update|migrate|port|optimi[sz]e|debug|"
    r"repair|extend|replace|convert|bump|upgrade|revert|bug|tests?|pytest|function|method|class|module|code|repo|"
    r"repository|branch|commit|diff|patch|api|endpoint|lint|compile|build|traceback|exception|stack ?trace|regex|"
    r"sql|script|variable|package|dependenc(?:y|ies))\b"
    r"|```|[\w/]+\.(?:py|js|ts|tsx|go|rs|java|c|cpp|h|rb|sh|sql|ya?ml|toml|json|md|html|css)\b|\w+\(\)|\w+_\w+",
    re.IGNORECASE,
)
_QUESTION = re.compile(
    # Without its mark only what cannot begin an order or a condition: "do it", "when two orders come in, …" are work.
    r"^\W*((what|who|whom|whose|why|which|how|tell me|explain|describe)\b"
    r"|(when|where|is|are|was|were|am|do|does|did|can|could|would|will|should)\b.*\?\W*$)",
    re.IGNORECASE | re.DOTALL,
)
_GREETING = re.compile(
    r"^\W*(hi|hello|hey|hallo|good (?:morning|evening|day)|thanks?|thank you|bye|ping)( there| you| all)?\W*$",
    re.IGNORECASE,
)
_STATUS = re.compile(
    r"^\W*((is|are) (it|this|that|you|we|the \w+) (done|ready|finished|complete|through|still (running|working))"
    r"|(did|has) (it|that|this) (work|worked|finish|finished|succeed|succeeded|pass|passed)"
    r"|(what is|what's|what was|show me|give me|tell me) the (status|state|result|outcome)"
    r"|how (is|are|did) (it|things|that|this) (going|doing|go|look|looking|stand|end)"
    r"|how far (is it|are you|are we)|what (did|have) you (do|done|change|changed)|status|any news|done|finished|ready)"
    r"( yet| now| already)?\W*$",
    re.IGNORECASE,
)


@value
class RoutedIntent:
    """Where a request goes, and why."""

    intent: Intent
    reason: str


def is_greeting(text: str) -> bool:
    """Tell whether a text greets or thanks, and asks nothing."""
    return bool(_GREETING.match(text.strip()))


def route_intent(text: str, *, on_thread: bool, ordered: bool) -> RoutedIntent:
    """What a request wants.

    ``on_thread``: it names a thread that has a run. ``ordered``: it brings fields that only work has, such as an
    acceptance command.
    """
    text = text.strip()
    if on_thread and len(text) <= LONGEST and _STATUS.match(text):
        return RoutedIntent(intent="status", reason="it asks how the run of this thread stands")
    if ordered:
        return RoutedIntent(intent="code", reason="it has fields of a coding task")
    if len(text) > LONGEST:
        return RoutedIntent(intent="code", reason="it is long enough to describe work")
    if is_greeting(text):
        return RoutedIntent(intent="chat", reason="it is a greeting")
    if _CODE.search(text):
        return RoutedIntent(intent="code", reason="it speaks of code")
    if _QUESTION.match(text):
        return RoutedIntent(intent="chat", reason="it is a question and says nothing of code")
    return RoutedIntent(intent="code", reason="the coding model was named, and nothing speaks against it")
