"""``signoff eval`` as a user runs it: over a scripted endpoint, killed and started again, compared and opened."""

import asyncio
import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from service.eval.results import AttemptResult, Manifest, ResultsFolder
from tests.wire.openai_server import OpenAIServer
from tests.worlds.cli import Cli
from tests.worlds.evaluations import FIX, dataset

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

OK = {"status": "ok", "final_answer_markdown": "Done."}
REVIEWS = {"answer": OK, "when": "review", "repeat": True}
ANSWERS = {"answer": FIX, "when": "code_change"}


def cli(folder: Path, server: OpenAIServer | None = None) -> Cli:
    env = {"SIGNOFF_SANDBOX": "unsafe-local", "SIGNOFF_REPAIR_SECONDS": "5", "SIGNOFF_CODER_DIALECT": "single"}
    if server is not None:
        env |= {"SIGNOFF_MODEL_BASE_URL": server.base_url, "SIGNOFF_MODEL": "fake-model"}
    return Cli(folder, env)


def lines(folder: Path) -> list[dict[str, object]]:
    path = folder / "results.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


async def test_a_killed_evaluation_goes_on_where_it_was(tmp_path: Path):
    cases, out = dataset(tmp_path, {}, {}), tmp_path / "out"
    words = ["eval", str(cases), "-o", str(out), "-s", "single", "--no-pipeline", "--json"]
    async with OpenAIServer(
        [ANSWERS, {"hang_after": 0, "when": "code_change", "repeat": True, "answer": FIX}]
    ) as server:
        process = await cli(tmp_path, server).start(*words)
        while not lines(out) or len(server.asked) < 2:
            assert process.returncode is None, (await process.communicate())[1].decode()
            await asyncio.sleep(0.1)
        os.killpg(process.pid, signal.SIGKILL)
        await process.communicate()
    first = lines(out)
    with (out / "results.jsonl").open("a") as file:
        file.write('{"case": "cut o')
    async with OpenAIServer([{**ANSWERS, "repeat": True}, REVIEWS]) as server:
        ended = await cli(tmp_path, server).run(*words)
        asked = len(server.asked)
    assert ended.code == 0, ended.err
    total = ended.json["summary"]
    assert (total["resolved"], total["judged"], total["attempts"]) == (2, 2, 2)
    assert asked == 1
    assert [each for each in lines(out) if each["case"] == first[0]["case"]] == first
    runs = await cli(tmp_path / "none").run("eval", "show", "case-2", "--in", str(out), "--json")
    assert runs.json["run"]["run"] == lines(out)[1]["run"]
    assert runs.json["result"]["outcome"] == "resolved"


async def test_two_evaluations_are_compared(tmp_path: Path):
    cases = dataset(tmp_path, {}, {})
    good, bad = tmp_path / "good", tmp_path / "bad"
    (tmp_path / "p.jsonl").write_text(
        "".join(f'{{"instance_id": "case-{n}", "model_name_or_path": "m", "model_patch": ""}}\n' for n in (1, 2))
    )
    asked = cli(tmp_path)
    ended = await asked.run("eval", str(cases), "-o", str(good), "--gold", "--chart", str(tmp_path / "c.svg"))
    assert ended.code == 0, ended.err
    assert "2 of 2" in ended.out
    assert "<svg" in (tmp_path / "c.svg").read_text()
    ended = await asked.run("eval", str(cases), "-o", str(bad), "--predictions", str(tmp_path / "p.jsonl"))
    assert ended.code == 0, ended.err
    compared = (await asked.run("eval", "compare", str(bad), str(good), "--json")).json["comparison"]
    assert (compared["first"], compared["second"], compared["only_second"]) == (0.0, 1.0, 2)
    assert [each["case"] for each in compared["differences"]] == ["case-1", "case-2"]
    text = await asked.run("eval", "compare", str(bad), str(good))
    assert "McNemar" in text.out
    assert "+ case-1: wrong → resolved" in text.out


async def test_what_a_dataset_and_its_tests_say_has_no_power_over_the_terminal(tmp_path: Path):
    name = "case-[/red]\x1b[2J"
    result = AttemptResult(case=name, outcome="wrong", failing=("t.py::test_x[/a]",), message="no\noutcome: resolved")
    folders = [ResultsFolder(tmp_path / each) for each in ("first", "second")]
    for folder, each in zip(folders, (result, replace(result, outcome="resolved")), strict=True):
        folder.begin(Manifest(dataset="d", digest="1", cases=(name,)))
        folder.add(each, "", "m")
    shown = await cli(tmp_path).run("eval", "show", name, "--in", str(folders[0].path))
    assert shown.code == 0, shown.err
    assert "test_x[/a]" in shown.out
    assert "\n    outcome: resolved" in shown.out
    compared = await cli(tmp_path).run("eval", "compare", *(str(each.path) for each in folders))
    assert compared.code == 0, compared.err
    assert "+ case-[/red]\\e[2J: wrong → resolved" in compared.out
    assert "\x1b" not in shown.out + compared.out


async def test_what_cannot_be_evaluated_is_said_at_once(tmp_path: Path):
    cases = dataset(tmp_path, {})
    asked = cli(tmp_path)
    for words, code in (
        (["gone.jsonl"], "dataset_invalid"),
        ([str(cases), "--case", "x"], "case_unknown"),
        ([str(cases), "-s", "best"], "unknown_strategy"),
        ([str(cases), "--predictions", str(cases)], "predictions_invalid"),
        (["compare", "nowhere", "nowhere"], "evaluation_missing"),
        (["show", "x", "--in", "nowhere"], "evaluation_missing"),
    ):
        ended = await asked.run("eval", *words, "--json")
        assert ended.code == 2, (words, ended.err)
        assert ended.json["error"]["code"] == code
