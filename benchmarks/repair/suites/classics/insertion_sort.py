def insertion_sort(items):
    result = []
    for item in items:
        place = len(result)
        while place > 0 and result[place - 1] > item:
            place -= 1
        result.insert(place, item)
    return result


# cases
CASES = [([3, 1, 2],), ([],), ([5, 4, 3, 2, 1],), ([1, 2, 3],), ([2, 2, 1],), ([9, 7, 8, 1, 0, 3],), ([0, -1, 5, -7],)]
BUGS = [("place > 0 and", "place > 1 and"), ("result[place - 1] > item", "result[place - 1] < item"), ("result.insert(place, item)", "result.insert(item, place)"), ("            place -= 1\n", "            place += 1\n")]
