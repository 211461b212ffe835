"""A browser without scripts: forms as they are on the pages, with their tokens, sent as a browser would."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import httpx

from tests.worlds.served import Served


@dataclass(slots=True)
class SentForm:
    action: str = ""
    method: str = "get"
    fields: list[tuple[str, str]] = field(default_factory=list)


class Forms(HTMLParser):
    """The forms of a page with their hidden fields, and the fields that somebody would fill in."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.forms: list[SentForm] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        named = dict(attrs)
        if tag == "form":
            self.forms.append(SentForm(named.get("action", ""), named.get("method", "get")))
        if tag == "input" and named.get("type") == "hidden" and self.forms:
            self.forms[-1].fields.append((named["name"], named.get("value") or ""))


@dataclass(frozen=True, slots=True)
class Console:
    """Somebody at the console of a service."""

    http: httpx.AsyncClient

    async def see(self, path: str, expected: int = 200, **params: Any) -> str:
        answer = await self.http.get(f"/console{path}", params=params or None)
        assert answer.status_code == expected, (answer.status_code, text_of(answer.text)[:2_000])
        return answer.text

    async def send(self, page: str, action: str, status: int = 303, **filled: Any) -> httpx.Response:
        """Fill in the form of a page that goes to this address, and send it."""
        html = await self.see(page)
        form = next(each for each in Forms(html).forms if (each.action, each.method) == (f"/console{action}", "post"))
        return await self.post(action, form.fields, status, **filled)

    async def post(
        self, action: str, fields: list[tuple[str, str]], status: int = 303, **filled: Any
    ) -> httpx.Response:
        pairs = [
            *fields,
            *(
                (name, str(each))
                for name, part in filled.items()
                for each in (part if isinstance(part, list) else [part])
            ),
        ]
        body = httpx.QueryParams(pairs)
        headers = {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin"}
        answer = await self.http.post(f"/console{action}", content=str(body), headers=headers)
        assert answer.status_code == status, (answer.status_code, text_of(answer.text)[:2_000])
        return answer


def text_of(html: str) -> str:
    """What is written on a page."""
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


async def at_the_console(service: Served, token: str = "") -> Console:
    """``token``: of a session; else the person of the admin key logs in."""
    http = httpx.AsyncClient(base_url=service.url, timeout=30)
    service.stack.push_async_callback(http.aclose)
    if token:
        http.cookies.set("signoff_console", token, path="/console")
        return Console(http)
    answer = await http.post("/console/login", data={"key": service.key, "next": "/console/"})
    assert answer.status_code == 303, answer.text
    return Console(http)
