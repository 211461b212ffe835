"""What three inboxes do with a paused run, by their own packages in a real Chromium, from an origin of their own."""

import shutil
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import quote

import pytest
from pydantic_core import to_json

from tests.worlds.asking import paused
from tests.worlds.chromium import phone
from tests.worlds.node import installed_clients, said_by
from tests.worlds.served import Served, served

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PAGE = '<!doctype html><div id="page"></div><script type="module" src="inboxes.js"></script>'
ACTS = {
    "inbox accept": ("executed", "delivered"),
    "inbox response": ("rejected", "rejected"),
    "inbox edit": ("superseded", None),
    "inbox ignore": ("rejected", "rejected"),
    "inbox resolve": ("cancelled", None),
    "chat approve": ("executed", "delivered"),
    "chat reject": ("rejected", "rejected"),
    "chat edit": ("superseded", None),
    "chat resolve": ("cancelled", None),
    "deep approve": ("executed", "delivered"),
    "deep resolve": ("cancelled", None),
}
"""How each leaves the ballot it answers, and the run's ending, where it has one."""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def site(folder: Path) -> Generator[str]:
    """The origin at which a folder is served."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def standing(service: Served, thread: str, ballot: str) -> tuple[str, str, list[str]]:
    """The state of the ballot, the thread's status, and the ballots that are open now."""
    ballots = service.context.application.ballots
    open_now = (await ballots.list("local", state="pending", run=thread)).items
    status = (await service.sdk().threads.get(thread))["status"]
    return (await ballots.get(ballot, "local")).state, status, [each.id for each in open_now]


async def test_nothing_that_an_inbox_does_is_left_half(tmp_path: Path) -> None:
    installed = await installed_clients()
    (tmp_path / "site").mkdir()
    bundle = tmp_path / "site" / "inboxes.js"
    esbuild = shutil.which("esbuild", path=str(installed / "node_modules" / ".bin"))
    assert esbuild
    flags = ("--bundle", "--format=esm", "--log-level=error", f"--outfile={bundle}")
    await said_by(esbuild, "inboxes.mjs", *flags, cwd=installed)
    (tmp_path / "site" / "index.html").write_text(PAGE)
    with site(tmp_path / "site") as origin:
        async with (
            served(tmp_path, cors_origins=origin) as service,
            phone(tmp_path / "profile", scripts=True) as tab,
        ):
            for act, (state, ending) in ACTS.items():
                thread, item = await paused(service)
                told = {"apiUrl": service.url, "apiKey": service.session, "thread": thread}
                await tab.go(f"{origin}/?{quote(act)}#{quote(to_json(told))}")
                assert set(await tab.evaluate("window.acts")) == set(ACTS)
                assert await tab.evaluate(f"window.act({act!r})") == thread, act
                await service.sdk().runs.join(thread, (await service.sdk().runs.list(thread))[0]["run_id"])
                again = state == "superseded"
                ballot, status, open_now = await standing(service, thread, item["id"])
                assert (ballot, status, len(open_now)) == (state, "interrupted" if again else "idle", int(again)), act
                values = (await service.sdk().threads.get_state(thread))["values"]
                assert (values.get("ending") or {}).get("status") == ending, act
                if again:  # what was edited is for somebody to sign, and not in the next page's list
                    async with service.http(service.session) as http:
                        assert (await http.post(f"/v1/runs/{thread}/kill")).status_code == 200
