"""Console's routes: where each page is, its files, and the login. ``add_console`` puts them beside those of the API."""

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from domain import SignoffError
from service.api.dependencies import TheContext
from service.api.errors import STATUS
from service.console import inbox, insight, memory, notices, operation, people, run, runs
from service.console.pages import ASSETS, HEADERS, PageRoute, asset, refused_page, rendered, theme_of, to
from service.console.session import COOKIE, PATH, THEME, Sent, log_in, log_out, read_form
from service.errors import refuse

router = APIRouter(prefix=PATH, route_class=PageRoute, include_in_schema=False)
KEPT_S = 365 * 86_400


def add_console(app: FastAPI) -> None:
    """Serve the console beside the API; ``/`` leads to it."""
    app.add_api_route("/", lead_in, methods=["GET"], include_in_schema=False)
    for each in (router, *(room.router for room in (inbox, runs, run, insight, memory, notices, people, operation))):
        app.include_router(each)
    app.add_api_route(f"{PATH}/{{rest:path}}", nothing_here, methods=["GET"], include_in_schema=False)


async def lead_in() -> Response:
    """The address that people type."""
    return RedirectResponse(f"{PATH}/", 307)


async def nothing_here(rest: str, request: Request) -> Response:
    """No page has this address."""
    return refused_page(
        request, refuse("route_not_found", f"There is no page {rest[:60]!r}.", hint="Begin at the inbox.")
    )


@router.get("/static/{name}")
async def static(name: str) -> Response:
    """A file that pages load. Its address has its digest, so browsers ask once."""
    if name not in ASSETS:
        raise refuse("route_not_found", "There is no such file.", hint="Begin at the inbox.")
    headers = {"cache-control": f"public, max-age={KEPT_S}, immutable", "x-content-type-options": "nosniff"}
    return Response(asset(name), media_type=ASSETS[name], headers=headers)


def _login(request: Request, next_: str, error: SignoffError | None = None) -> HTMLResponse:
    status = STATUS.get(error.stable_code, error.http_status) if error else 200
    html = rendered("login.html", title="Log in", theme=theme_of(request), next=next_, error=error)
    return HTMLResponse(html, status, HEADERS)


def _own(address: str) -> str:
    """An address of the console, whatever a link says: a login leads to no other site."""
    plain = address.startswith(f"{PATH}/") and address.isprintable() and "\\" not in address and "//" not in address
    return address if plain else f"{PATH}/"


@router.get("/login")
async def login(request: Request, next: str = "") -> Response:  # noqa: A002  the query's name
    """Ask who it is."""
    return _login(request, _own(next))


@router.post("/login")
async def enter(request: Request, at: TheContext) -> Response:
    """Open a session."""
    form = await read_form(request)
    next_ = _own(form.text("next"))
    answer = to(next_)
    try:
        await log_in(at, form.text("key", most=4_000), answer)
    except SignoffError as no:
        return _login(request, next_, no)
    return answer


@router.post("/logout")
async def leave(request: Request, at: TheContext, form: Sent) -> Response:  # noqa: ARG001  only its token matters
    """End the session."""
    await log_out(at, request)
    answer = to(f"{PATH}/login")
    answer.delete_cookie(COOKIE, path=PATH)
    return answer


@router.post("/theme")
async def theme(form: Sent) -> Response:
    """Dark, light, or as the system has it."""
    answer = to(_own(form.text("next")))
    chosen = form.text("theme")
    if chosen in {"dark", "light"}:
        answer.set_cookie(THEME, chosen, max_age=KEPT_S, httponly=True, samesite="lax", path=PATH)
    else:
        answer.delete_cookie(THEME, path=PATH)
    return answer
