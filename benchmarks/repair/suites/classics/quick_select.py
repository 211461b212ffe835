def quick_select(items, rank):
    pivot = items[0]
    smaller = [item for item in items if item < pivot]
    equal = [item for item in items if item == pivot]
    larger = [item for item in items if item > pivot]
    if rank < len(smaller):
        return quick_select(smaller, rank)
    if rank < len(smaller) + len(equal):
        return pivot
    return quick_select(larger, rank - len(smaller) - len(equal))


# cases
CASES = [([3, 1, 2], 0), ([3, 1, 2], 2), ([5, 5, 5], 1), ([9, 8, 7, 6], 1), ([4, 1, 4, 2], 2), ([10, 3, 7, 3, 1, 9], 4), ([1], 0), ([2, 1], 1)]
BUGS = [("rank - len(smaller) - len(equal)", "rank - len(smaller)"), ("rank < len(smaller):", "rank <= len(smaller):"), ("len(smaller) + len(equal)", "len(equal)"), ("item > pivot", "item >= pivot"), ("rank - len(smaller) - len(equal)", "rank")]
