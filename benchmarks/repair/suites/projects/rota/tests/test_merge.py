from rota.merge import free, merge

NAME = "merge"


def test_cases(case):
    shifts, opens, closes, joined, gaps = case
    assert merge(shifts) == joined
    assert free(shifts, opens, closes) == gaps
