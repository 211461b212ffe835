import re
from collections import Counter

SMALL = {"a", "an", "and", "of", "the", "in"}


def split(text):
    return re.findall(r"[A-Za-z0-9']+", text)


def slug(text, joint="-"):
    """'Hello, World!' as 'hello-world'."""
    return joint.join(word.lower() for word in split(text))


def title(text):
    """Capitals, but for small words that are not the first."""
    words = []
    for place, word in enumerate(split(text)):
        if place > 0 and word.lower() in SMALL:
            words.append(word.lower())
        else:
            words.append(word.capitalize())
    return " ".join(words)


def acronym(text):
    return "".join(word[0].upper() for word in split(text) if word.lower() not in SMALL)


def count(text, least=1):
    """Words by how often they come, most often first."""
    counted = Counter(word.lower() for word in split(text))
    return [(word, times) for word, times in counted.most_common() if times >= least]
