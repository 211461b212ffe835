from rota.cycle import cycle

NAME = "cycle"


def test_cases(case):
    *given, expected = case
    assert cycle(*given) == expected
