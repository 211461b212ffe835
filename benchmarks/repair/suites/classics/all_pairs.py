def all_pairs(count, edges):
    length = {(i, j): float("inf") for i in range(count) for j in range(count)}
    for i in range(count):
        length[i, i] = 0
    for (i, j), weight in edges.items():
        length[i, j] = min(length[i, j], weight)
    for k in range(count):
        for i in range(count):
            for j in range(count):
                length[i, j] = min(length[i, j], length[i, k] + length[k, j])
    return [length[0, j] for j in range(count)]


# cases
CASES = [(3, {(0, 1): 3, (1, 2): 5, (0, 2): 10}), (1, {}), (2, {}), (4, {(0, 2): -2, (2, 3): 2, (3, 1): -1, (1, 0): 4, (1, 2): 3}), (4, {(0, 1): 1, (1, 2): 1, (2, 3): 1, (0, 3): 9}), (2, {(1, 0): 3})]
BUGS = [("length[i, k] + length[k, j]", "length[i, k] + length[j, k]"), ("        length[i, i] = 0\n", "        length[i, i] = 1\n"), ("min(length[i, j], length[i, k]", "max(length[i, j], length[i, k]"), ("[length[0, j]", "[length[j, 0]")]
