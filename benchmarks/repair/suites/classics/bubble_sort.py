def bubble_sort(items):
    items = list(items)
    for last in range(len(items) - 1, 0, -1):
        swapped = False
        for place in range(last):
            if items[place] > items[place + 1]:
                items[place], items[place + 1] = items[place + 1], items[place]
                swapped = True
        if not swapped:
            break
    return items


# cases
CASES = [([3, 1, 2],), ([],), ([5, 4, 3, 2, 1],), ([1, 2, 3],), ([2, 2, 1],), ([9, 7, 8, 1, 0, 3],), ([1],), ([4, 3],), ([0, -1, 5, -7],)]
BUGS = [("range(len(items) - 1, 0, -1)", "range(len(items) - 1, 1, -1)"), ("swapped = True", "swapped = False"), ("if not swapped", "if swapped"), ("items[place] > items[place + 1]", "items[place] < items[place + 1]")]
