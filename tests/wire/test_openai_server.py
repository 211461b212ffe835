"""The endpoint that tests talk to runs as a process too, for tests of the command line."""

import asyncio
import json
import sys
from pathlib import Path

from pydantic import SecretStr

from domain import Review
from models import Question
from models.clients import ModelEndpoint
from models.clients.chat import open_chat
from tests.wire.asking import ASK, QUICK

ROOT = Path(__file__).parents[2]


async def test_a_script_in_a_file(tmp_path):
    script, port = tmp_path / "script.json", tmp_path / "port"
    told = {"script": [{"when": "review", "answer": {"status": "ok"}}], "api_key": "k"}
    script.write_text(json.dumps(told), encoding="utf-8")
    command = ["-m", "tests.wire.openai_server", "--script", str(script), "--port-file", str(port)]
    process = await asyncio.create_subprocess_exec(sys.executable, *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        url = (await asyncio.wait_for(process.stdout.readline(), 30)).decode().split()[-1]
        assert url == f"http://127.0.0.1:{port.read_text(encoding='utf-8')}/v1"
        async with open_chat(ModelEndpoint(base_url=url, model="fake-model", api_key=SecretStr("k"))) as chat:
            assert (await chat.ask(Question(ASK, Review, settings=QUICK))).value == Review(status="ok")
    finally:
        process.terminate()
        await process.wait()
