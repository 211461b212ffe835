def rpn(tokens):
    stack = []
    for token in tokens:
        if token in ("+", "-", "*", "/"):
            right = stack.pop()
            left = stack.pop()
            if token == "+":
                stack.append(left + right)
            elif token == "-":
                stack.append(left - right)
            elif token == "*":
                stack.append(left * right)
            else:
                stack.append(left / right)
        else:
            stack.append(float(token))
    return stack.pop()


# cases
CASES = [(["3", "4", "+"],), (["5", "2", "-"],), (["2", "3", "*", "4", "+"],), (["8", "4", "/"],), (["7"],), (["10", "2", "8", "*", "+", "3", "-"],), (["1", "2", "/", "3", "-"],)]
BUGS = [("left - right", "right - left"), ("stack.append(float(token))", "stack.append(token)"), ("right = stack.pop()\n            left = stack.pop()", "left = stack.pop()\n            right = stack.pop()"), ("left / right", "left // right"), ("return stack.pop()", "return stack")]
