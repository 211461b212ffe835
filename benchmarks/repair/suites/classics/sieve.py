def sieve(limit):
    primes = []
    marked = [False] * (limit + 1)
    for number in range(2, limit + 1):
        if not marked[number]:
            primes.append(number)
            for multiple in range(number * number, limit + 1, number):
                marked[multiple] = True
    return primes


# cases
CASES = [(1,), (2,), (10,), (11,), (30,), (50,), (3,), (97,)]
BUGS = [("range(2, limit + 1)", "range(2, limit)"), ("[False] * (limit + 1)", "[False] * limit"), ("number * number, limit + 1, number", "number * number, limit + 1"), ("if not marked", "if marked"), ("range(2, ", "range(1, ")]
