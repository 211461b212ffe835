from decimal import Decimal

import pytest

from domain import Refused
from service.bench.bench import CaseResult, cases, rows
from service.bench.charts import bars, draw


def outcome(strategy: str, *, solved: bool, peak_mb: float = 100.0, models: tuple[str, ...] = ("a",)) -> CaseResult:
    return CaseResult(
        strategy=strategy,
        case="c",
        solved=solved,
        status="delivered",
        seconds=2.0,
        models=models,
        tokens=10,
        cost=Decimal("0.5"),
        peak_mb=peak_mb,
    )


def test_the_bundled_cases_are_small_repositories_with_a_failing_test():
    found = cases()
    assert len({case.name for case in found}) == len(found) >= 6
    assert all(any(name.startswith("test_") for name in case.files) for case in found)


def test_a_row_adds_up_what_a_strategy_did():
    said = [
        outcome("x", solved=True, peak_mb=100),
        outcome("y", solved=False),
        outcome("x", solved=False, peak_mb=150, models=("a", "b")),
    ]
    x, y = rows(said, {"a": 4.0, "b": 8.0}.__getitem__)
    assert (x.solved, x.cases, x.seconds, x.peak_mb, x.models_gb, x.tokens, x.cost) == (
        1,
        2,
        4.0,
        150,
        12.0,
        20,
        Decimal(1),
    )
    assert (y.strategy, y.models) == ("y", ("a",))
    assert "1/2 solved" in bars([x, y])


def test_a_picture_is_svg_or_png(tmp_path):
    table = rows([outcome("x", solved=True)], lambda _: 0.0)
    draw(table, tmp_path / "c.png")
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")
    for path in (tmp_path / "c.doc", tmp_path / "gone" / "c.svg"):
        with pytest.raises(Refused) as caught:
            draw(table, path)
        assert caught.value.stable_code == "chart_impossible"
