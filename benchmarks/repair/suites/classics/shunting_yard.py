def shunting_yard(tokens):
    strength = {"+": 1, "-": 1, "*": 2, "/": 2}
    output = []
    operators = []
    for token in tokens:
        if token in strength:
            while operators and strength[operators[-1]] >= strength[token]:
                output.append(operators.pop())
            operators.append(token)
        else:
            output.append(token)
    while operators:
        output.append(operators.pop())
    return output


# cases
CASES = [([1, "+", 2],), ([1, "-", 2, "-", 3],), ([2, "*", 3, "+", 4],), ([2, "+", 3, "*", 4],), ([9],), ([1, "+", 2, "*", 3, "-", 4, "/", 5],)]
BUGS = [("            operators.append(token)\n", ""), ("strength[operators[-1]] >= strength[token]", "strength[operators[-1]] > strength[token]"), ("operators[-1]", "operators[0]"), ("while operators:\n", "if operators:\n"), ("            output.append(token)\n", "            operators.append(token)\n")]
