from rota.assign import assign

NAME = "assign"


def test_cases(case):
    *given, expected = case
    assert assign(*given) == expected
