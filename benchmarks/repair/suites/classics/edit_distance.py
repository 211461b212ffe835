def edit_distance(one, other):
    if not one:
        return len(other)
    if not other:
        return len(one)
    if one[0] == other[0]:
        return edit_distance(one[1:], other[1:])
    return 1 + min(
        edit_distance(one[1:], other),
        edit_distance(one, other[1:]),
        edit_distance(one[1:], other[1:]),
    )


# cases
CASES = [("", ""), ("a", ""), ("", "abc"), ("kit", "sit"), ("flaw", "lawn"), ("abc", "abc"), ("ab", "ba"), ("gate", "goat"), ("horse", "ros")]
BUGS = [("return len(other)", "return len(one)"), ("        edit_distance(one, other[1:]),\n", ""), ("return edit_distance(one[1:], other[1:])\n", "return 1 + edit_distance(one[1:], other[1:])\n"), ("1 + min", "1 + max"), ("        edit_distance(one[1:], other),\n", "        edit_distance(one[1:], one),\n")]
