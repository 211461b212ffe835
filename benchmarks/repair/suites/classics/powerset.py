def powerset(items):
    if not items:
        return [[]]
    first, rest = items[0], items[1:]
    without = powerset(rest)
    return without + [[first] + subset for subset in without]


# cases
CASES = [([],), ([1],), ([1, 2],), ([1, 2, 3],), (["a", "b"],), ([4, 5, 6, 7],)]
BUGS = [("return [[]]", "return []"), ("without + [[first]", "[[first]"), ("[first] + subset", "subset"), ("items[1:]", "items[2:]")]
