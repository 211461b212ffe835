"""Secret values, told from a name, a path, an expression or a word that stands for one."""

import math
import re
from collections import Counter
from typing import Final


def names(text: str) -> frozenset[str]:
    """The words of a text as a set."""
    return frozenset(text.split())


STRONG: Final = 12
"""So long, a random value is taken for a secret wherever its name says so."""
_SHORTEST, _LETTERS, _RANDOM, _VARIED, _LONG_REST, _DEEP, _LONG_PATH = 6, 10, 16, 5, 12, 2, 30
_PLAIN: Final = names(
    """
    a abc abcd abcde abcdef abcdefg access account accounts admin administrator an and another anthropic any api
    apikey app application arn auth authorization aws azure bad bar barfoo basic baz be bearer blank body can
    change changeit changeme check checked choose client code codes config confirm confirmation cookie correct
    could credential credentials csrf data database date db decoded default demo dev develop development django
    do does don't dont dummy eggs else email empty encoded encrypted encryption enter env environ environment
    example example's examples expired expires fake false fastapi field fields file first flask foo foobar
    foobaz for form from gcp generated get github gitlab google grant guest ham hash header hello here hidden
    host html http https id ids if ignored in input insecure insert invalid is it json jwt key keys label least
    length less letmein local localhost login logout long mail mariadb masked max may me might min mine missing
    mock mongo mongodb more most much must my mysql name names new nil no nonce none not null number numbers
    oauth oauth2 of oidc old one only openai optional or os other output param params pass passcode passphrase
    passwd password path pepper placeholder plain plaintext please port postgres postgresql private process prod
    production provider public pw pwd query quux qux qwerty rabbitmq random real really redacted redis ref
    refresh required reset right root safe salt saml sample scope scopes second secret secrets secure server
    service session set setting settings shared short should sign signature signed signoff slack so some spam
    stage staging state str string stripe strong stub super supersecret tbd temp temporary test tester testing
    tests text that the then this time timeout tmp to todo token tokens too true two type undefined unsafe
    unused uri url use used user username users using valid value values var variable vars vault verified verify
    very weak when will with world would wrong xml xsrf xxx xxxx xyz yaml your yours
    """
)
_EXPRESSION = re.compile(
    r"[<>{}()$`]|%[sdr(]|\.\.\.|\*{2,}|…|\\[dwsDWSbAZ]|://|process\.env|environ|getenv|^@|^[./~]|^--|urn:|^[a-z]{2,12}:[?/]|^(?:%[0-9A-Fa-f]{2})+$|\[(?:redacted|secret|personal|file)|\]$"
)
_NAME = re.compile(
    r"[A-Za-z]+(?:[_.:/ -]+[A-Za-z]+)*[_.:/-]?|\d[\d._:-]*"
    r"|[A-Za-z_-]+\d{0,2}(?:\.[A-Za-z_][A-Za-z_-]*\d{0,2})+\.?|#[0-9a-fA-F]{3,8}"
)
_PATH = re.compile(r"(?:[\w.-]*/)+[\w.-]*")
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z']+")
_ABOUT = re.compile(
    r"name|field|type|ur[li]|path|file|dir|len|size|count|expir|ttl|timeout|age$|hash|format|regex|pattern|policy|prompt|label|hint|help|err"
    r"|msg|message|input|form|view|reset|change|valid|check|min|max|algo|method|class|func|header|prefix|suffix|index|usage|scope|endpoint"
    r"|limit|round|iter|requir|enabl|disabl|strateg|provider|backend|manager|kind|status|version|template|placeholder|param|attr|column|row|ref"
    r"|arn|alias|id$|ids$|izer|ize|ized|source|store|storage|budget|usage|position|span|stream|match|pos$|list|set$|map$|at$|_in$|title|text$|desc"
)
"""What follows a secret's name where it is about the secret, and not the secret."""


def entropy(text: str) -> float:
    """Shannon's, in bits per character."""
    counts = Counter(text).values()
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts) if text else 0.0


def plain_words(value: str) -> bool:
    """Tell whether a value is made of words that stand for a secret (``changeme-123``), or repeats itself."""
    if len(set(value)) <= max(3, len(value) // 12):
        return True
    lower = value.lower()
    if re.search(r"example|placeholder|change.?(?:me|it)|your[_-]|x{4,}|dummy|redacted|1234567890|abcdefgh", lower):
        return True
    words = [word.lower() for word in _WORDS.findall(value)]
    rest = re.sub(r"[A-Za-z']+", " ", value)
    digits = re.sub(r"\D", "", rest)
    simple = len(digits) <= 4 or digits in "012345678901234567890" or len(set(digits)) == 1  # noqa: PLR2004
    letters = sum(map(len, words))
    known = sum(len(word) for word in words if word in _PLAIN)
    return (
        simple
        and all(word in _PLAIN or len(word) <= 1 for word in words)
        and 2 * known >= letters
        and not re.search(r"[^\w\s.,:;/@!?'-]{2,}", rest)
    )


def is_secret(value: str, *, quoted: bool, strong: bool, rest: str = "", bare: bool = True) -> bool:
    """Tell whether a value that was given to a secret's name is one.

    Args:
        value: what stands there.
        quoted: it is a literal, not an expression: between quotes, or behind ``NAME=``.
        strong: the name is that of a password or secret, not of a token or key, which are words of lexers, too.
        rest: what follows the keyword in the name, in small letters.
        bare: it stands there without quotes.
    """
    if len(value) < _SHORTEST or _EXPRESSION.search(value) or " " in value.strip() or plain_words(value):
        return False
    if strong and quoted and value.isalpha() and len(value) >= _LETTERS:
        # Letters that change their case at random: words of a name are longer.
        return len(_WORDS.findall(value)) * 2.5 >= len(value) and not _ABOUT.search(rest)
    # Digits alone are a secret only where they are given to a password itself.
    code = strong and quoted and not rest and value.isdigit() and len(set(value)) >= _VARIED
    if not code and _stands_for_something(value):
        return False
    mixed = bool(re.search(r"[A-Za-z]", value) and re.search(r"\d", value))
    random = len(value) >= _RANDOM and mixed and entropy(value) >= 3.4  # noqa: PLR2004  bits
    if _ABOUT.search(rest):
        return random and quoted and not re.fullmatch(r"[a-z0-9]+(?:[-_.][a-z0-9]+)*", value)
    if not quoted or (rest.strip("s_-0123456789") and len(rest) > _LONG_REST):
        return random
    if strong:
        return (
            mixed or code or (not bare and bool(re.search(r"[!@#%^&*+=?~]", value) and re.search(r"[A-Za-z]", value)))
        )
    return len(value) >= STRONG and mixed and entropy(value) >= 3.0  # noqa: PLR2004  bits


def _stands_for_something(value: str) -> bool:
    """Tell a name, a number, a colour, a path or a dotted expression."""
    if _NAME.fullmatch(value):
        return True
    short = value.count("/") > _DEEP or len(value) < _LONG_PATH
    return short and bool(_PATH.fullmatch(value)) and not re.search(r"[A-Z].*\d|\d.*[A-Z]", value)
