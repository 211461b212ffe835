def tokenizer(text):
    tokens = []
    place = 0
    while place < len(text):
        char = text[place]
        if char.isspace():
            place += 1
        elif char.isdigit():
            end = place
            while end < len(text) and text[end].isdigit():
                end += 1
            tokens.append(("number", int(text[place:end])))
            place = end
        elif char.isalpha():
            end = place
            while end < len(text) and text[end].isalnum():
                end += 1
            tokens.append(("name", text[place:end]))
            place = end
        else:
            tokens.append(("sign", char))
            place += 1
    return tokens


# cases
CASES = [("1 + 2",), ("",), ("abc1",), ("x=12",), ("a b 33",), ("(a1+22)",), ("9",), ("  7 ",)]
BUGS = [("text[end].isalnum()", "text[end].isalpha()"), ("int(text[place:end])", "text[place:end]"), ("            tokens.append((\"sign\", char))\n            place += 1", "            tokens.append((\"sign\", char))\n            place += 2"), ("end < len(text) and text[end].isdigit()", "text[end].isdigit()"), ("(\"name\", text[place:end])", "(\"number\", text[place:end])"), ("            place = end\n        elif char.isalpha()", "            place = end + 1\n        elif char.isalpha()")]
