def longest_increasing(items):
    lengths = []
    for place, item in enumerate(items):
        longest = 0
        for before in range(place):
            if items[before] < item:
                longest = max(longest, lengths[before])
        lengths.append(longest + 1)
    return max(lengths, default=0)


# cases
CASES = [([4, 1, 5, 2, 6],), ([],), ([1, 2, 3],), ([3, 2, 1],), ([10, 9, 2, 5, 3, 7, 101, 18],), ([2, 2],), ([1, 3, 2, 4],), ([7, 1, 8, 2, 3, 0],)]
BUGS = [("longest = max(longest, lengths[before])", "longest = lengths[before]"), ("items[before] < item", "items[before] <= item"), ("longest + 1", "longest"), ("max(lengths, default=0)", "lengths[-1] if lengths else 0"), ("range(place)", "range(place - 1)")]
