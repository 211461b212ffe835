"""The console over HTTP: who gets in, what a form needs, and the inbox with every answer it takes."""

from typing import Any

from approvals import Request
from domain import Action, Reason, Requirement, Risk
from service.console.pages import ASSETS, asset_url
from tests.worlds.asking import ended, paused
from tests.worlds.console import at_the_console, text_of
from tests.worlds.served import Served

DIFF = "diff --git a/x.py b/x.py\n--- a/x.py\n+++ b/x.py\n@@ -1,2 +1,2 @@\n keep\n-old\n+new\n"


async def person(service: Served, name: str, *roles: str, org: str = "local") -> str:
    """The session of another person."""
    key, _ = await service.context.keys.make(org, name, roles=roles, personal=True)
    # With a second person it is a team, and logins of before end.
    await service.context.application.people.four_eyes.look()
    _, session = await service.context.keys.log_in(key, roles=())
    return session


async def question(service: Served, tier: str = "high", run: str = "r", step: str = "s", **action: Any) -> Any:
    risk = Risk(tier=tier, reasons=(Reason(rule="demo", tier=tier, message="because"),))  # type: ignore[arg-type]
    fields: dict[str, Any] = {"tool": "branch", "arguments": {"message": "m", "branch": "b"}, "target": "/nowhere"}
    request = Request(
        run=run,
        step=step,
        action=Action(**{**fields, **action}),
        risk=risk,
        requirement=Requirement(tier=tier, humans=1, allow_self=True, notify=True),  # type: ignore[arg-type]
        requester="ann",
        diff=DIFF,
    )
    return await service.context.application.ballots.open(request)


async def test_nobody_gets_in_without_a_login_and_a_login_leads_back(service: Served) -> None:
    async with service.http("") as http:
        assert (await http.get("/")).headers["location"] == "/console/"
        away = await http.get("/console/?show=open")
        assert away.headers["location"] == "/console/login?next=%2Fconsole%2F%3Fshow%3Dopen"
        page = await http.get(away.headers["location"])
        assert (page.status_code, "Log in" in page.text) == (200, True)
        wrong = await http.post("/console/login", data={"key": "ak_live_nothing", "next": "/console/"})
        assert (wrong.status_code, "This is no key" in text_of(wrong.text) or "key" in text_of(wrong.text)) == (
            401,
            True,
        )
        for evil in (
            "//evil.example",
            "https://evil.example/",
            "/console/\\evil",
            "/console//evil",
            "javascript:alert(1)",
        ):
            there = await http.post("/console/login", data={"key": service.key, "next": evil})
            assert (there.status_code, there.headers["location"]) == (303, "/console/"), evil
        cookie = there.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "Path=/console" in cookie
        part = await http.get("/console/inbox", headers={"hx-request": "true", "cookie": "signoff_console=st_x"})
        assert (part.status_code, part.headers["hx-redirect"]) == (204, "/console/login?next=%2Fconsole%2F")
        # A key is a program's: it comes in nowhere here, and the cookie authenticates nothing of the API.
        assert (await http.get("/console/", headers={"cookie": f"signoff_console={service.key}"})).status_code == 303
        api = await http.get("/v1/whoami", headers={"cookie": f"signoff_console={service.session}"})
        assert api.status_code == 401


async def test_every_page_forbids_what_is_not_its_own_and_is_small(service: Served) -> None:
    console = await at_the_console(service)
    answer = await console.http.get("/console/")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http:" not in policy
    assert "://" not in answer.text.replace("http://www.w3.org", "")
    assert " style=" not in answer.text
    assert " on" not in " ".join(part for part in answer.text.split("<") if part.startswith(("button", "a ", "form")))
    sizes = [len(answer.content)]
    for name in ASSETS:
        file = await console.http.get(asset_url(name))
        assert (file.status_code, "immutable" in file.headers["cache-control"]) == (200, True)
        sizes.append(len(file.content))
    assert sum(sizes) < 200_000
    await console.see("/static/session.py", 404)
    await console.see("/nothing", 404)


async def test_a_form_needs_the_token_of_its_own_session_and_comes_from_this_site(service: Served) -> None:
    bob, ballot = await at_the_console(service, await person(service, "bob", "approver")), await question(service)
    console = await at_the_console(service)
    path = f"/approvals/{ballot.id}"
    fields = [("digest", ballot.action_digest), ("do", "approve")]
    await bob.post(path, fields, 403)
    await bob.post(path, [*fields, ("csrf", "x")], 403)
    of_ann = service.context.links.form_token("0" * 64)
    await bob.post(path, [*fields, ("csrf", of_ann)], 403)
    html = await bob.see(path)
    token = html.split('name="csrf" value="')[1].split('"')[0]
    for site in ("cross-site", "same-site"):
        answer = await bob.http.post(
            f"/console{path}", data={"csrf": token, **dict(fields)}, headers={"sec-fetch-site": site}
        )
        assert answer.status_code == 403, site
    assert (await console.http.post(f"/console{path}", data={"csrf": token, **dict(fields)})).status_code == 403
    assert (await service.context.application.ballots.get(ballot.id, "local")).state == "pending"
    await bob.post(path, [*fields, ("csrf", token)])
    assert (await service.context.application.ballots.get(ballot.id, "local")).state == "approved"


async def test_looking_decides_nothing_and_an_approval_has_the_run_go_on(service: Served) -> None:
    thread, item = await paused(service)
    console = await at_the_console(service)
    path = f"/approvals/{item['id']}"
    assert item["id"][:8] in await console.see("/")
    for _ in range(3):
        page = text_of(await console.see(path))
    assert item["action_digest"] in page
    assert (await service.context.application.ballots.get(item["id"], "local")).state == "pending"
    await console.send(path, path, do="approve", comment="Read in the console.")
    assert (await ended(service, thread))["status"] == "success"
    (vote,) = (await service.context.application.ballots.get(item["id"], "local")).votes
    assert (vote.choice, vote.comment, vote.surface) == ("approve", "Read in the console.", "page")
    assert service.deliveries == [thread]
    assert "Nothing waits for you." in await console.see("/")


async def test_the_gravest_comes_first_then_the_oldest(service: Served) -> None:
    first, second = await question(service, step="1"), await question(service, step="2")
    grave = await question(service, "critical", step="3")
    console = await at_the_console(service)
    html = await console.see("/", show="open")
    places = [html.index(each.id) for each in (grave, first, second)]
    assert places == sorted(places)


async def test_a_rejection_takes_words_and_comments_on_lines_with_the_lines_they_are_about(service: Served) -> None:
    console, ballot = await at_the_console(service), await question(service)
    path = f"/approvals/{ballot.id}"
    await console.send(
        path,
        path,
        do="reject",
        comment="Not so.",
        path=["x.py", "x.py", "y.py"],
        line=["2", "-2", "7"],
        words=["Call it newer.", "Why gone?", "Where is it?"],
    )
    feedback = (await service.context.application.ballots.get(ballot.id, "local")).feedback
    assert feedback == (
        "Not so.\n\nOn x.py, line 2:\n> new\nCall it newer.\n\nOn x.py, removed line 2:\n> old\nWhy gone?"
        "\n\nOn y.py:\nWhere is it?"
    )


async def test_who_comes_too_late_is_told_and_changes_nothing(service: Served) -> None:
    bob, ballot = await at_the_console(service, await person(service, "bob", "approver")), await question(service)
    console = await at_the_console(service, await person(service, "cat", "approver"))
    path = f"/approvals/{ballot.id}"
    fields = [
        ("digest", ballot.action_digest),
        ("csrf", (await console.see(path)).split('name="csrf" value="')[1].split('"')[0]),
    ]
    assert (await bob.http.get(f"/console{path}/now?state=pending")).status_code == 204
    await bob.send(path, path, do="reject", comment="No.")
    late = await console.post(path, fields, 409, do="approve")
    assert "already_decided" in late.text
    assert "Approve exactly this" not in late.text
    meanwhile = await console.see(f"{path}/now", state="pending")
    assert "reject by bob" in meanwhile
    other = await question(service, step="other")
    await bob.post(
        f"/approvals/{other.id}",
        [
            ("csrf", (await bob.see(f"/approvals/{other.id}")).split('name="csrf" value="')[1].split('"')[0]),
            ("digest", ballot.action_digest),
        ],
        409,
        do="approve",
    )
    assert (await service.context.application.ballots.get(other.id, "local")).votes == ()


async def test_several_are_answered_together_or_not_at_all(service: Served) -> None:
    bob = await at_the_console(service, await person(service, "bob", "approver"))
    ids = [(await question(service, step=str(n), arguments={"message": f"m{n}", "branch": "b"})).id for n in range(3)]
    query = "&".join(f"id={each}" for each in ids)
    ballots = service.context.application.ballots
    page = text_of(await bob.see(f"/several?{query}"))
    assert all(f"m{n}" in page for n in range(3))
    fields_of = bob.see(f"/several?{query}")
    html = await fields_of
    cat = await at_the_console(service, await person(service, "cat", "approver"))
    await cat.send(f"/approvals/{ids[1]}", f"/approvals/{ids[1]}", do="reject", comment="Not this one.")
    # The page of before: one of the three is decided by now.
    token = html.split('name="csrf" value="')[1].split('"')[0]
    digests = [(await ballots.get(each, "local")).action_digest for each in ids]
    fields = [
        ("csrf", token),
        *[pair for i, d in zip(ids, digests, strict=True) for pair in (("id", i), ("digest", d))],
    ]
    late = await bob.post("/several", fields, 409, do="approve")
    assert ids[1] in late.text
    assert "None of them was counted." in late.text
    assert [(await ballots.get(each, "local")).state for each in ids] == ["pending", "rejected", "pending"]
    rest = f"/several?id={ids[0]}&id={ids[2]}"
    await bob.send(rest, "/several", do="approve")
    assert [(await ballots.get(each, "local")).state for each in ids] == ["approved", "rejected", "approved"]
    await bob.see("/several", 422)


async def test_an_edit_is_a_question_of_its_own(service: Served) -> None:
    _, item = await paused(service)
    console, path = await at_the_console(service), f"/approvals/{item['id']}"
    answer = await console.send(path, path, do="edit", message="Another message")
    assert answer.headers["location"].split("?")[0] != f"/console{path}"
    old = await console.see(path)
    assert "It was edited." in old
    new = await service.context.application.ballots.get(answer.headers["location"].split("/")[3].split("?")[0], "local")
    assert (new.action.arguments["message"], new.supersedes, new.state) == ("Another message", item["id"], "pending")


async def test_a_question_is_brought_to_mind_handed_over_and_withdrawn(service: Served) -> None:
    bob = await at_the_console(service, await person(service, "bob", "approver"))
    await person(service, "cat", "approver")
    await person(service, "vic", "viewer")
    ballot = await question(service)
    path = f"/approvals/{ballot.id}"
    html = await bob.see(path)
    assert '<option value="cat">' in html
    assert '<option value="vic">' not in html
    soon = await bob.send(path, path, 409, do="remind")
    assert "reminded_lately" in soon.text
    await bob.send(path, path, do="remind", to="cat", note="You know it better.")
    assert (await service.context.application.ballots.get(ballot.id, "local")).handed_to == "cat"
    assert "left to cat" in text_of(await bob.see("/"))
    await bob.send(path, path, do="withdraw")
    assert (await service.context.application.ballots.get(ballot.id, "local")).state == "cancelled"


async def test_another_organisation_and_who_may_not_are_told_so(service: Served) -> None:
    ballot = await question(service)
    eve = await at_the_console(service, await person(service, "eve", "approver", org="other"))
    html = await eve.see(f"/approvals/{ballot.id}", 404)
    assert "There is no such approval." in html
    assert "because" not in html
    vic = await at_the_console(service, await person(service, "vic", "viewer"))
    path = f"/approvals/{ballot.id}"
    no = await vic.send(path, path, 403, do="approve")
    assert "not_approver" in no.text
    await vic.see("/audit", 403)


async def test_leaving_ends_the_session_at_once(service: Served) -> None:
    session = await person(service, "bob", "approver")
    bob = await at_the_console(service, session)
    await bob.send("/", "/logout")
    async with service.http(session) as http:
        assert (await http.get("/v1/whoami")).status_code == 401


async def test_a_theme_is_chosen_for_good(service: Served) -> None:
    console = await at_the_console(service)
    token = (await console.see("/")).split('name="csrf" value="')[1].split('"')[0]
    await console.post("/theme", [("csrf", token)], theme="dark", next="/console/")
    assert '<html lang="en" data-theme="dark">' in await console.see("/")
