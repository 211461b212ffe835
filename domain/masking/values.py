"""Tells a secret value from a name, a path, an expression or a word that stands for one."""

import math
import re
from collections import Counter
from typing import Final

STRONG: Final = 12
"""So long, a random value is taken for a secret wherever its name says so."""
_PLAIN: Final = frozenset(
    """password passwd passphrase passcode secret secrets token tokens key keys api apikey access auth user users username admin administrator
    root guest test tests testing tester example examples sample dummy fake mock stub foo bar baz foobar foobaz barfoo qux quux spam eggs ham abc abcd abcde
    abcdef abcdefg xyz xxx xxxx change changeme changeit me default placeholder insert your yours my mine some here value values string
    str none null nil undefined true false todo tbd redacted hidden masked invalid wrong bad valid correct right new old pass pw pwd hello world
    demo local localhost dev develop development staging stage prod production secure insecure strong weak safe unsafe very super
    supersecret letmein qwerty client server app application db database postgres postgresql mysql mariadb redis mongo mongodb rabbitmq
    django flask fastapi signoff expired expires refresh bearer basic jwt csrf xsrf session id ids name names type field fields form
    hash reset confirm confirmation login logout email mail host port url uri path file data text input output label header cookie query param
    params body json yaml xml html http https code codes a an the of for to in is not no any one two first second other another this that it with and or
    environ environment env process get set from os config settings setting variable var vars vault ref arn use used using only must be should
    enter type choose please really long short random generated unused ignored temp tmp temporary example's private public shared
    openai anthropic github gitlab aws azure gcp google slack stripe encrypted encryption encoded decoded plain plaintext real not
    number numbers date time timeout signature signed sign verify verified check checked missing empty blank required optional
    dont don't do does will would could can may might if else when then so much too more most less least length min max
    grant provider service account accounts credential credentials authorization oauth oauth2 oidc saml scope scopes state nonce salt pepper""".split()
)
_EXPRESSION = re.compile(r"[<>{}()$`]|%[sdr(]|\.\.\.|\*{2,}|…|\\[dwsDWSbAZ]|://|process\.env|environ|getenv|^@|^[./~]|^--|urn:|^[a-z]{2,12}:[?/]|^(?:%[0-9A-Fa-f]{2})+$|\[(?:redacted|secret|personal|file)|\]$")
_NAME = re.compile(r"[A-Za-z]+(?:[_.:/ -]+[A-Za-z]+)*[_.:/-]?|\d[\d._:-]*|[A-Za-z_-]+\d{0,2}(?:\.[A-Za-z_][A-Za-z_-]*\d{0,2})+\.?|#[0-9a-fA-F]{3,8}")
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
    return simple and all(word in _PLAIN or len(word) <= 1 for word in words) and 2 * known >= letters and not re.search(r"[^\w\s.,:;/@!?'-]{2,}", rest)


def is_secret(value: str, *, quoted: bool, strong: bool, rest: str = "", bare: bool = True) -> bool:
    """Tell whether a value that was given to a secret's name is one.

    Args:
        value: what stands there.
        quoted: it is a literal, not an expression: between quotes, or behind ``NAME=``.
        strong: the name is that of a password or secret, not of a token or key, which are words of lexers, too.
        rest: what follows the keyword in the name, in small letters.
        bare: it stands there without quotes.
    """
    if len(value) < 6 or _EXPRESSION.search(value) or " " in value.strip() or plain_words(value):  # noqa: PLR2004
        return False
    if _NAME.fullmatch(value) and not (strong and not rest and quoted and value.isdigit() and len(set(value)) > 4):  # noqa: PLR2004
        return False
    if _PATH.fullmatch(value) and (value.count("/") > 2 or len(value) < 30) and not re.search(r"[A-Z].*\d|\d.*[A-Z]", value):  # noqa: PLR2004
        return False
    letters, digits = re.search(r"[A-Za-z]", value), re.search(r"\d", value)
    marks = re.search(r"[!@#%^&*+=?~]", value)
    random = len(value) >= 16 and bool(letters and digits) and entropy(value) >= 3.4  # noqa: PLR2004
    if _ABOUT.search(rest):
        return random and quoted and not re.fullmatch(r"[a-z0-9]+(?:[-_.][a-z0-9]+)*", value)
    if rest.strip("s_-0123456789") and len(rest) > 12:  # noqa: PLR2004
        return random
    if strong and quoted:
        return bool((letters and digits) or (marks and letters and not bare) or (value.isdigit() and not rest))
    if quoted:
        return len(value) >= STRONG and bool(letters and digits) and entropy(value) >= 3.0  # noqa: PLR2004
    return random
