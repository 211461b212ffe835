"""Search: the passages of a thread's files, or of a repository, that a question is about."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from domain.identity import ensure_no_credential
from sandbox import Pinned, Snapshot
from service.api.dependencies import Reader, TheContext, answer
from service.errors import refuse
from service.wiring.search import MOST_TOKENS

router = APIRouter(prefix="/v1/search", tags=["search"])
MOST_QUERY = 8_000
"""Characters of a question."""
INDEX_S = 60.0
"""The longest that a request waits for the first index; ``complete`` is false then, and the next one goes on."""


@router.get("")
async def search(
    principal: Reader,
    at: TheContext,
    query: Annotated[str, Query(min_length=1, max_length=MOST_QUERY)],
    thread_id: str = "",
    repo: str = "",
    rev: Annotated[str, Query(max_length=250)] = "HEAD",
    max_tokens: Annotated[int, Query(ge=100, le=MOST_TOKENS)] = 2_500,
) -> Response:
    """Passages, best first, of the files of a thread as they stand (``thread_id``) or of a commit (``repo``, ``rev``).

    Naming a repository needs ``runs:write``, as starting a run there does.
    """
    if bool(thread_id) == bool(repo):
        raise refuse("request_invalid", "Name either a thread_id or a repo.")
    searched = at.application.search
    if repo:
        principal.need("runs:write")
        ensure_no_credential(repo)
        at.submission.may_use(repo)
        return answer(
            (
                await searched.in_repository(
                    repo, query, rev=rev, org=principal.org, budget_tokens=max_tokens, seconds=INDEX_S
                )
            ).document()
        )
    run, engine = await at.run_of(thread_id, principal.org), at.application.engine
    values = (await engine.graph.aget_state(engine.config(run.id))).values
    pinned: Pinned | None = values.get("pinned")
    snapshot: Snapshot | None = values.get("snapshot")
    if pinned is None:
        raise refuse("request_invalid", "This thread has no files yet.")
    tree = pinned.tree if snapshot is None else snapshot.tree
    return answer((await searched.in_run(run.id, tree, query, budget_tokens=max_tokens, seconds=INDEX_S)).document())
