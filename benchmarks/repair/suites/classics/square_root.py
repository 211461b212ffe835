def square_root(number, precision=0.001):
    guess = number / 2
    while abs(number - guess * guess) > precision:
        guess = (guess + number / guess) / 2
    return round(guess, 2)


# cases
CASES = [(4,), (9,), (2,), (100,), (1,), (0.25,), (50,)]
BUGS = [("abs(number - guess * guess)", "abs(number - guess)"), ("(guess + number / guess) / 2", "guess + number / guess / 2"), ("number / guess", "guess / number"), ("> precision", "< precision")]
