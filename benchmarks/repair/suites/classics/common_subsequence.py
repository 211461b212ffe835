def common_subsequence(one, other):
    table = {}
    for i in range(len(one) + 1):
        for j in range(len(other) + 1):
            if i == 0 or j == 0:
                table[i, j] = 0
            elif one[i - 1] == other[j - 1]:
                table[i, j] = table[i - 1, j - 1] + 1
            else:
                table[i, j] = max(table[i - 1, j], table[i, j - 1])
    return table[len(one), len(other)]


# cases
CASES = [("abcbdab", "bdcaba"), ("", "x"), ("abc", "abc"), ("abc", "def"), ("aab", "ab"), ("xmjyauz", "mzjawxu"), ("aaaa", "aa")]
BUGS = [("table[i - 1, j - 1] + 1", "table[i, j - 1] + 1"), ("max(table[i - 1, j], table[i, j - 1])", "max(table[i - 1, j], table[i - 1, j - 1])"), ("i == 0 or j == 0", "i == 0 and j == 0"), ("one[i - 1] == other[j - 1]", "one[i - 1] == other[i - 1]"), ("range(len(other) + 1)", "range(len(other))")]
