def flatten(items):
    for item in items:
        if isinstance(item, list):
            yield from flatten(item)
        else:
            yield item


def flattened(items):
    return list(flatten(items))


# cases
CASES = [([1, [2, 3]],), ([],), ([[[1]]],), ([1, 2],), ([[], [4, [5, [6]]]],), (["a", ["b"]],)]
BUGS = [("yield from flatten(item)", "yield flatten(item)"), ("yield item", "yield from item"), ("isinstance(item, list)", "isinstance(items, list)"), ("yield from flatten(item)", "yield from item")]
