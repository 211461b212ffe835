def prime_factors(number):
    factors = []
    divisor = 2
    while divisor * divisor <= number:
        while number % divisor == 0:
            factors.append(divisor)
            number //= divisor
        divisor += 1
    if number > 1:
        factors.append(number)
    return factors


# cases
CASES = [(1,), (2,), (12,), (97,), (100,), (81,), (84,), (9,), (1001,)]
BUGS = [("factors.append(number)", "factors.append(divisor)"), ("number > 1", "number > 2"), ("while number % divisor == 0", "if number % divisor == 0"), ("divisor * divisor <= number", "divisor * divisor < number"), ("    if number > 1:\n        factors.append(number)\n", "")]
