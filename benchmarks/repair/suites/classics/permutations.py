def permutations(items):
    if len(items) <= 1:
        return [list(items)]
    result = []
    for place, item in enumerate(items):
        rest = items[:place] + items[place + 1 :]
        for tail in permutations(rest):
            result.append([item] + tail)
    return result


# cases
CASES = [([1],), ([1, 2],), ([1, 2, 3],), ([],), (["x", "y"],), ([4, 3, 2, 1],)]
BUGS = [("items[place + 1 :]", "items[place:]"), ("return [list(items)]", "return []"), ("[item] + tail", "tail"), ("len(items) <= 1", "len(items) < 1")]
