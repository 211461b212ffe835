def majority(items):
    candidate, count = None, 0
    for item in items:
        if count == 0:
            candidate = item
        count += 1 if item == candidate else -1
    return candidate if items.count(candidate) * 2 > len(items) else None


# cases
CASES = [([1, 1, 2],), ([],), ([1, 2],), ([3, 3, 4, 2, 3],), ([5],), ([1, 2, 2, 2, 1, 2],), ([7, 7, 1, 1],)]
BUGS = [("* 2 > len", "* 2 >= len"), ("1 if item == candidate else -1", "-1 if item == candidate else 1"), ("count == 0", "count == 1"), ("candidate = item", "candidate = count"), ("items.count(candidate) * 2", "items.count(candidate)")]
