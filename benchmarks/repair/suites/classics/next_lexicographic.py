def next_lexicographic(items):
    items = list(items)
    i = len(items) - 2
    while i >= 0 and items[i] >= items[i + 1]:
        i -= 1
    if i < 0:
        return None
    j = len(items) - 1
    while items[j] <= items[i]:
        j -= 1
    items[i], items[j] = items[j], items[i]
    return items[: i + 1] + items[i + 1 :][::-1]


# cases
CASES = [([1, 2, 3],), ([1, 3, 2],), ([3, 2, 1],), ([1, 1, 5],), ([2, 3, 1],), ([1, 4, 3, 2],), ([1],), ([5, 1, 1],), ([1, 5, 1],)]
BUGS = [("items[j] <= items[i]", "items[j] >= items[i]"), ("items[i + 1 :][::-1]", "items[i + 1 :]"), ("i >= 0 and", "i > 0 and"), ("len(items) - 2", "len(items) - 1"), ("items[i] >= items[i + 1]", "items[i] > items[i + 1]")]
