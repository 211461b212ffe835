def intervals(spans):
    merged = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


# cases
CASES = [([(1, 3), (2, 6), (8, 10)],), ([],), ([(1, 4), (4, 5)],), ([(5, 6), (1, 2)],), ([(1, 10), (2, 3)],), ([(1, 2), (3, 4), (0, 9)],)]
BUGS = [("sorted(spans)", "spans"), ("start <= merged[-1][1]", "start < merged[-1][1]"), ("max(merged[-1][1], end)", "end"), ("merged[-1][1]:", "merged[-1][0]:"), ("(merged[-1][0], max", "(start, max"), ("merged and start", "start")]
