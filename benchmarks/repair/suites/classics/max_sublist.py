def max_sublist(items):
    best = ending = 0
    for item in items:
        ending = max(0, ending + item)
        best = max(best, ending)
    return best


# cases
CASES = [([4, -5, 2, 1, -1, 3],), ([],), ([-1, -2],), ([1, 2, 3],), ([-2, 1, -3, 4, -1, 2, 1, -5, 4],), ([5, -9, 6],)]
BUGS = [("ending = max(0, ending + item)", "ending = ending + item"), ("best = max(best, ending)", "best = ending"), ("max(0, ending + item)", "max(0, item)"), ("best = max(best, ending)", "best = max(best, item)")]
