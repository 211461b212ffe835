def run_lengths(text):
    result = []
    for char in text:
        if result and result[-1][0] == char:
            result[-1] = (char, result[-1][1] + 1)
        else:
            result.append((char, 1))
    return result


# cases
CASES = [("aab",), ("",), ("abc",), ("zzzz",), ("aabbaa",), ("x",), ("mississippi",)]
BUGS = [("result[-1][1] + 1", "result[-1][1]"), ("result[-1][0] == char", "result[0][0] == char"), ("if result and result", "if result"), ("result.append((char, 1))", "result.append((char, 0))"), ("result and result[-1][0] == char", "result[-1][0] == char")]
