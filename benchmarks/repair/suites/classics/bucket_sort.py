def bucket_sort(items, limit):
    counts = [0] * limit
    for item in items:
        counts[item] += 1
    result = []
    for value, count in enumerate(counts):
        result.extend([value] * count)
    return result


# cases
CASES = [([3, 1, 2], 5), ([], 3), ([0, 0, 1], 2), ([4, 4, 4, 1], 5), ([9, 0, 5, 5], 10), ([2], 3)]
BUGS = [("enumerate(counts)", "enumerate(items)"), ("counts[item] += 1", "counts[item] = 1"), ("[value] * count", "[count] * value"), ("result.extend(", "result.append("), ("counts[item] += 1", "counts[item] += item")]
