def parentheses(text):
    depth = 0
    for char in text:
        if char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
            if depth < 0:
                return False
    return depth == 0


# cases
CASES = [("()",), ("(",), (")(",), ("(())()",), ("",), ("a(b)c",), ("(()",), ("())",)]
BUGS = [("return depth == 0", "return True"), ("depth < 0", "depth <= 0"), ("            depth -= 1\n", "            depth += 1\n"), ("depth < 0", "depth > 0"), ("return False", "return True")]
