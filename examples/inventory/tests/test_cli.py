import pytest

from stockroom.cli import main

MOVEMENTS = """\
# what       sku      pieces
open,        BOLT-M8, 50, 200
receive,     BOLT-M8, 120, 0.12
issue,       BOLT-M8, 90
"""


@pytest.fixture
def movements(tmp_path):
    path = tmp_path / "movements.csv"
    path.write_text(MOVEMENTS, encoding="utf-8")
    return path


def test_report(movements, capsys):
    assert main(["report", str(movements)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "SKU         ON HAND  PROMISED      VALUE  ORDER",
        "BOLT-M8          30         0       3.60    170",
        "TOTAL                               3.60",
    ]


@pytest.mark.parametrize(
    ("line", "why"),
    [("issue,BOLT-M8,many", "line 5"), ("burn,BOLT-M8,1", "not a movement"), ("issue,WASHER,1", "no shelf")],
)
def test_a_bad_line_is_named(movements, capsys, line, why):
    movements.write_text(MOVEMENTS + line + "\n", encoding="utf-8")
    assert main(["report", str(movements)]) == 1
    assert why in capsys.readouterr().err
