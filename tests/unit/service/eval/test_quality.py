import pytest

from domain import Refused
from service.eval.quality import drops, page, record, recorded
from service.eval.results import AttemptResult, Manifest, Summary, summary


def total(good: int, of: int, commit: str, **more: str) -> Summary:
    results = [
        AttemptResult(case=str(n), outcome="resolved" if n < good else "wrong", prompts=n % 2, seconds=1.0)
        for n in range(of)
    ]
    manifest = Manifest(dataset="d", digest="1", cases=(), version="0.1", commit=commit, strategy="s", **more)
    return summary(manifest, results)


def test_what_is_recorded_is_there_again_and_the_same_evaluation_only_once(tmp_path):
    path = tmp_path / "quality.jsonl"
    assert recorded(path) == ()
    for each in (total(5, 10, "aaaaaaaa"), total(6, 10, "bbbbbbbb"), total(7, 10, "bbbbbbbb")):
        record(path, each)
    assert [(each.commit[:1], each.resolved) for each in recorded(path)] == [("a", 5), ("b", 7)]
    path.write_text(path.read_text() + "{}\n")
    with pytest.raises(Refused, match="line 3") as caught:
        recorded(path)
    assert caught.value.stable_code == "quality_invalid"


def test_the_page_has_the_prompts_beside_the_rate():
    text = page([total(5, 10, "aaaaaaaa"), total(7, 10, "bbbbbbbb")])
    now, over_time = text.split("## Over time")
    assert "7 of 10 (70%)" in now
    assert "5 of 10" not in now
    assert over_time.count("| d |") == 2
    assert "0.50" in now
    assert page([]).count("Nothing was recorded yet.") == 2


def test_a_drop_is_one_that_chance_does_not_explain():
    steady = [total(45, 50, "a"), total(43, 50, "b")]
    assert drops(steady) == ()
    assert len(drops([*steady, total(20, 50, "c")])) == 1
    assert drops([total(45, 50, "a"), total(20, 50, "b", model="another")]) == ()
