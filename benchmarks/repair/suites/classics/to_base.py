import string


def to_base(number, base):
    digits = string.digits + string.ascii_uppercase
    result = ""
    while number > 0:
        number, place = divmod(number, base)
        result = digits[place] + result
    return result or "0"


# cases
CASES = [(8, 2), (255, 16), (0, 2), (31, 16), (41, 2), (44, 5), (27, 23), (5, 3)]
BUGS = [("digits[place] + result", "result + digits[place]"), ("number, place = divmod", "place, number = divmod"), ("number > 0", "number > 1"), ("digits[place]", "digits[number]"), ("result or \"0\"", "result")]
