from rota.assign import assign
from rota.cycle import cycle
from rota.merge import free, merge


def test_more():
    assert merge([[5, 6], [1, 2], [2, 3], [6, 9]]) == [[1, 3], [5, 9]]
    assert merge([[1, 9], [2, 3], [8, 10]]) == [[1, 10]]
    assert free([[1, 3]], 2, 5) == [[3, 5]]
    assert free([[1, 3], [4, 9]], 2, 5) == [[3, 4]]
    assert free([[7, 9]], 1, 5) == [[1, 5]]
    assert assign(["c", "b", "a"], [1, 2, 3, 4], {"a": [1], "b": [1, 2]}) == {1: "c", 2: "a", 3: "b", 4: "a"}
    assert cycle({"1": 5, "5": 7, "7": 8, "8": 9, "9": 7}, 1) == [2, 3]
    assert cycle({"1": 5, "5": 6, "6": 7}, 1) is None
