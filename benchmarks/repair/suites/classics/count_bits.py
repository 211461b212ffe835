def count_bits(number):
    count = 0
    while number:
        count += number & 1
        number >>= 1
    return count


# cases
CASES = [(0,), (1,), (2,), (3,), (255,), (256,), (1023,), (37,), (8,), (1000,)]
BUGS = [("number & 1", "number | 1"), ("number >>= 1", "number >>= 2"), ("count += number", "count = number")]
