def is_palindrome(text):
    letters = [char.lower() for char in text if char.isalnum()]
    return letters == letters[::-1]


def palindromes(text):
    found = []
    for start in range(len(text)):
        for end in range(start + 2, len(text) + 1):
            piece = text[start:end]
            if is_palindrome(piece) and piece not in found:
                found.append(piece)
    return found


# cases
CASES = [("abba",), ("",), ("racecar",), ("abc",), ("aaa",), ("noon level",), ("A man, a plan",)]
BUGS = [("letters[::-1]", "letters"), ("range(start + 2, len(text) + 1)", "range(start + 2, len(text))"), ("char.isalnum()", "char.isalpha() or True"), ("is_palindrome(piece) and piece not in found", "is_palindrome(piece)"), ("text[start:end]", "text[start:]"), ("char.lower() for", "char for")]
