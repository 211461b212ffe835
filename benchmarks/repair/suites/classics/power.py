def power(base, exponent, modulus):
    result = 1
    base %= modulus
    while exponent > 0:
        if exponent % 2 == 1:
            result = result * base % modulus
        base = base * base % modulus
        exponent //= 2
    return result


# cases
CASES = [(2, 10, 1000), (3, 0, 7), (5, 3, 13), (7, 77, 19), (10, 5, 9), (2, 1, 5), (4, 13, 497)]
BUGS = [("exponent % 2 == 1", "exponent % 2 == 0"), ("result = 1\n", "result = 0\n"), ("base = base * base", "base = base * result"), ("result = result * base % modulus", "result = result + base % modulus")]
