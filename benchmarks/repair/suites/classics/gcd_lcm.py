def gcd(a, b):
    while b:
        a, b = b, a % b
    return a


def lcm(a, b):
    if a == 0 or b == 0:
        return 0
    return a * b // gcd(a, b)


def gcd_lcm(a, b):
    return gcd(a, b), lcm(a, b)


# cases
CASES = [(12, 18), (7, 3), (0, 5), (5, 0), (100, 75), (17, 17), (1, 9), (270, 192)]
BUGS = [("a, b = b, a % b", "a, b = a, a % b"), ("a == 0 or b == 0", "a == 0 and b == 0"), ("a * b // gcd(a, b)", "a * b * gcd(a, b)"), ("return gcd(a, b), lcm(a, b)", "return lcm(a, b), gcd(a, b)")]
