def coin_change(coins, total):
    if total == 0:
        return 1
    if total < 0 or not coins:
        return 0
    first, *rest = coins
    return coin_change(coins, total - first) + coin_change(rest, total)


# cases
CASES = [([1, 5, 10], 11), ([2], 3), ([], 4), ([1, 2, 3], 4), ([5, 10], 0), ([3, 7], 13), ([2, 5, 3, 6], 10)]
BUGS = [("total < 0 or not coins", "total < 0"), ("coin_change(rest, total)", "coin_change(rest, total - first)"), ("return 1\n", "return 0\n"), ("coin_change(coins, total - first)", "coin_change(rest, total - first)"), ("first) + coin", "first) - coin")]
