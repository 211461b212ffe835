def knapsack(capacity, items):
    best = [0] * (capacity + 1)
    for weight, value in items:
        for room in range(capacity, weight - 1, -1):
            best[room] = max(best[room], best[room - weight] + value)
    return best[capacity]


# cases
CASES = [(10, [(5, 10), (4, 40), (6, 30), (3, 50)]), (0, [(1, 5)]), (3, [(3, 7)]), (7, [(1, 1), (3, 4), (4, 5), (5, 7)]), (5, []), (50, [(10, 60), (20, 100), (30, 120)]), (2, [(1, 5)])]
BUGS = [("range(capacity, weight - 1, -1)", "range(capacity, weight, -1)"), ("max(best[room], best", "min(best[room], best"), ("best[room - weight] + value", "best[room - weight] + weight"), ("[0] * (capacity + 1)", "[0] * capacity"), ("best[room] = max(best[room], best[room - weight] + value)", "best[room] = best[room - weight] + value")]
