"""Search: the passages of a thread's files, or of a repository, that a question is about."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from service.api.dependencies import Reader, TheContext, answer
from service.api.openai.grounding import search_repository, search_thread
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
    if repo:
        searched = await search_repository(at, principal, repo, query, rev=rev, budget=max_tokens, wait=INDEX_S)
    else:
        searched = await search_thread(at, thread_id, principal.org, query, budget=max_tokens, wait=INDEX_S)
    return answer(searched.document())
