def caesar(text, shift):
    result = []
    for char in text:
        if char.islower():
            result.append(chr((ord(char) - ord("a") + shift) % 26 + ord("a")))
        elif char.isupper():
            result.append(chr((ord(char) - ord("A") + shift) % 26 + ord("A")))
        else:
            result.append(char)
    return "".join(result)


# cases
CASES = [("abc", 1), ("xyz", 3), ("Hello, World", 5), ("", 4), ("ABC", -1), ("a b", 0), ("Zz", 2), ("mNo", 13)]
BUGS = [("% 26 + ord(\"a\")", "% 25 + ord(\"a\")"), ("ord(char) - ord(\"A\") + shift", "ord(char) - ord(\"A\") - shift"), ("ord(char) - ord(\"A\")", "ord(char) - ord(\"a\")"), ("        else:\n            result.append(char)\n", ""), ("\"\".join", "\" \".join"), ("char.islower()", "char.isalpha()")]
