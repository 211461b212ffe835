def merge(left, right):
    result = []
    i = j = 0
    while i < len(left) and j < len(right):
        if left[i] <= right[j]:
            result.append(left[i])
            i += 1
        else:
            result.append(right[j])
            j += 1
    result.extend(left[i:])
    result.extend(right[j:])
    return result


def merge_sort(items):
    if len(items) <= 1:
        return items
    middle = len(items) // 2
    return merge(merge_sort(items[:middle]), merge_sort(items[middle:]))


# cases
CASES = [([3, 1, 2],), ([],), ([5, 4, 3, 2, 1],), ([1, 2, 3],), ([2, 2, 1],), ([9, 7, 8, 1, 0, 3],), ([0, -1, 5, -7],)]
BUGS = [("len(items) <= 1", "len(items) < 1"), ("    result.extend(right[j:])\n", ""), ("            j += 1", "            i += 1"), ("left[i:]", "left[j:]"), ("merge_sort(items[middle:])", "merge_sort(items[middle + 1:])")]
