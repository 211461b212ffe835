def word_wrap(text, width):
    lines = []
    line = ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    if line:
        lines.append(line)
    return lines


# cases
CASES = [("the quick brown fox", 10), ("", 5), ("one", 10), ("a b c d e", 3), ("hello world again", 5), ("aa bb cc", 5), ("to be or not to be", 8)]
BUGS = [("    if line:\n        lines.append(line)\n", ""), ("len(line) + 1 + len(word)", "len(line) + len(word)"), ("            line = word\n", "            line = \"\"\n"), ("> width", ">= width"), ("if line and len", "if len")]
