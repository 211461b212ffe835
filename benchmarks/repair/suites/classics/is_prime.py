def is_prime(number):
    if number < 2:
        return False
    divisor = 2
    while divisor * divisor <= number:
        if number % divisor == 0:
            return False
        divisor += 1
    return True


# cases
CASES = [(0,), (1,), (2,), (4,), (9,), (17,), (25,), (49,), (97,), (91,), (3,)]
BUGS = [("divisor * divisor <= number", "divisor * divisor < number"), ("number < 2", "number <= 2"), ("number % divisor == 0", "number % divisor == 1"), ("divisor * divisor <= number", "divisor <= number")]
