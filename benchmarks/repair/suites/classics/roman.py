def roman(number):
    values = [(1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"),
              (50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")]
    result = ""
    for value, letters in values:
        while number >= value:
            result += letters
            number -= value
    return result


# cases
CASES = [(1,), (4,), (9,), (14,), (40,), (1994,), (2024,), (399,), (49,), (90,), (444,), (900,)]
BUGS = [("number >= value", "number > value"), ("result += letters", "result = letters"), ("while number >= value", "if number >= value"), ("(400, \"CD\")", "(400, \"DC\")"), ("(9, \"IX\")", "(8, \"IX\")"), ("number -= value", "number -= 1")]
