def binary_search(items, wanted):
    low, high = 0, len(items) - 1
    while low <= high:
        middle = (low + high) // 2
        if items[middle] == wanted:
            return middle
        if items[middle] < wanted:
            low = middle + 1
        else:
            high = middle - 1
    return -1


# cases
CASES = [([1, 3, 5], 5), ([1, 3, 5], 1), ([], 4), ([2], 2), ([1, 4, 6, 9], 6), ([1, 4, 6, 9], 5), ([7, 8], 8), ([1, 2, 3, 4, 5, 6], 2), ([1, 2, 3], 9), ([10, 20, 30, 40, 50], 40)]
BUGS = [("low <= high", "low < high"), ("low = middle + 1", "low = middle"), ("len(items) - 1", "len(items)"), ("items[middle] < wanted", "items[middle] > wanted")]
