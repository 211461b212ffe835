"""Patterns of secrets in texts, besides tokens: keys in blocks, values behind names, literals in two parts.

Every repetition has a bound, and every search of them starts at a hint: no text makes them slow.
"""

import re
from typing import Final

HEAD = re.compile(
    r"-{5}BEGIN (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-{5}|PuTTY-User-Key-File-[23]:"
    r"|BEGIN SSH2 ENCRYPTED PRIVATE KEY"
)
WRAPPED_HEADS: Final = ("LS0tLS1CRUdJTi", "0tLS0tQkVHSU4g", "tLS0tLUJFR0lOI")
WRAPPED = re.compile("|".join(WRAPPED_HEADS))
BASE64 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=_- \t\r\n\\\"'`,>|n")
LONGEST_KEY: Final = 16_384
AROUND: Final = 300
AWS_SECRET = re.compile(r"(?<![A-Za-z0-9/+=])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])")

LONG = re.compile(r"[A-Za-z0-9_.+/=:$%&;?~-]{20,}")
"""Nothing shorter is a token: few words of a text are that long, and hints are looked for in these alone."""
SHORT, LONG_WORD = 1_000, 20
RUN = re.compile(r"[A-Za-z0-9_.+/=:$%&;?~-]{20}")
NAME_HINTS: Final = (
    "passw",
    "passphrase",
    "passcode",
    "_pass",
    "pwd",
    "secret",
    "token",
    "key",
    "credential",
    "_auth",
    "_pw",
    "conn",
)
PHRASE_HINTS: Final = ("basic ", "bearer", "token ", "login", "identified", "-u", "--", "-pass", "password '")
ENCODED = re.compile(
    r"(?<![A-Za-z0-9+/_-])(?:(?:[0-9a-f]{2}){20,2000}|(?:[0-9A-F]{2}){20,2000}|[A-Za-z0-9+/_-]{28,4000})"
)
"""What may be a token in hexadecimal or in base64."""
STANDS_IN = re.compile(r"x{6}|X{6}|(?i:your[_-]|placeholder|change.?me|redacted)")
"""What is written where a token belongs."""
KEYWORDS: Final = (
    "passw",
    "passphrase",
    "passcode",
    "pwd",
    "secret",
    "token",
    "credential",
    "_auth",
    "_pass",
    "_pw",
    "key",
    "conn",
)
KEYWORD = re.compile(
    r"pass(?:word|wort|wd|phrase|code)|pwd|secret|token|credential|_auth\b|_pass\b|_pw\b|key\b|key(?=[_s])|conn(?:ection)?[_-]?str(?:ing)?"
)
WHOSE_KEY = re.compile(
    r"(?:api|app|access|private|auth|authentication|encryption|encrypt|signing|sign|account|master|session|storage|shared|service"
    r"|ssh|aes|hmac|jwt|deploy|bot|db|licen[sc]e|root|admin|client|consumer|subscription|function|webhook|salt"
    r"|cookie|symmetric|secretkey)[_. -]?\Z"
)
TAIL = re.compile(
    r"(?P<rest>[\w-]{0,30})(?P<close>(?:\\?[\"'`]|\]|\)){0,3})"
    r"(?:[ \t]{0,8}:[ \t]{0,4}(?:&(?:'\w{1,20}[ \t])?)?[A-Za-z_][\w.|?<> \[\],]{0,40}?)?"
    r"(?P<op>[ \t]{0,20}(?:=>|:=|={1,3}|:|,)[ \t]{0,20}(?:\(?[ \t]{0,4}\n?[ \t]{0,40}(?=[\"'`]))?"
    r"|>|[ \t]{1,4}(?=['\"]))"
    r"(?P<prefix>[fFrRbBuU]{0,2}(?=[\"'`]))?"
    r"(?:(?P<quote>\"{3}|'{3}|\\?[\"'`])(?P<quoted>(?:[^\\\"'`\n]|\\[^\n]|(?!(?P=quote))[\"'`]){4,300}?)(?P=quote)"
    r"|(?P<bare>[^\s\"'`,;&<>(){}\[\]$|\\]{6,300})(?P<next>[(\[.]?))"
)
URL = re.compile(
    r"(?P<user>[^\s/:@'\"<>{}$|`\\]{0,64}):(?P<password>[^\s/@'\"<>{}$|`\\]{3,128})@(?P<host>[A-Za-z0-9\[][\w.:\]-]{0,80})"
)
URL_TOKEN = re.compile(r"(?P<password>[A-Za-z0-9_-]{16,255})@(?P<host>[A-Za-z0-9\[][\w.:\]-]{0,80})")
PHRASES: Final = (
    (
        ("bearer", "basic", "token "),
        re.compile(r"(?:bearer|basic|token)[ \t]{1,4}(?=[^\s\"']{0,200}[0-9=_.])([a-z0-9._~+/-]{12,2000}={0,2})"),
        "credentials",
    ),
    (
        ("login",),
        re.compile(
            r"login[ \t\n]{1,4}\S{1,100}[ \t\n]{1,4}(?:account[ \t\n]{1,4}\S{1,100}[ \t\n]{1,4})?"
            r"password[ \t\n]{1,4}(\S{4,200})"
        ),
        "password",
    ),
    (
        ("-password", "-passwd", "-passphrase", "-token", "-secret", "-api", "-access", "-auth"),
        re.compile(
            r"-(?:password|passwd|passphrase|token|secret|api-?key|access-?key|auth)[ \t]{1,4}"
            r"(?![-$\"'<{])([^\s\"'`;|&()]{6,200})"
        ),
        "password",
    ),
    (("-u", "--user"), re.compile(r"(?:-u|--user)[ =]{1,3}[\"']?[\w.@-]{1,64}:([^\s\"'$@]{4,200})"), "password"),
    (("identified by", "password '"), re.compile(r"(?:identified by|password)[ \t]{1,4}'([^'\n]{4,200})'"), "password"),
)
"""Where a secret follows without any sign in between: headers, .netrc, options, SQL. On small letters."""
JOINT = re.compile(
    r"(?P<q>[\"'])(?<=[A-Za-z0-9+/_=.!@#%-]{2}[\"'])"
    r"(?:[ \t]{0,40}(?:\+|\.{1,2}|&|<>|~|\|\|)?[ \t]{0,40}(?:\\?\r?\n[+\-> ]?[ \t]{0,200})"
    r"(?:\+|\.{1,2}|&|<>|~)?[ \t]{0,40}"
    r"|[ \t]{0,40}(?:\+|\.{1,2}|&|<>|\|\|)[ \t]{0,40})[fFrRbBuU]{0,2}(?P=q)(?=[A-Za-z0-9+/_=.!@#%-]{2})"
    r"|\\\r?\n[+\-> ]?[ \t]{0,200}"
    r"|(?<=[A-Za-z0-9+/_-]{8})\r?\n[+\- ]?[ \t]{1,200}(?=[A-Za-z0-9+/=_.-]{6,200}[ \t]{0,8}\r?(?:\n|$))"
)
JOINTS: Final = (
    '"\n',
    "'\n",
    '"\r\n',
    "'\r\n",
    '" +',
    "' +",
    '"+',
    "'+",
    '" .',
    "' .",
    '" &',
    '" <>',
    '" ||',
    "' ||",
    '" \\',
    "' \\",
    "\\\n",
    "\\\r\n",
)
FOLDED = re.compile(r":[ \t]{1,4}[>|][-+]?[ \t]*\r?\n")
"""Where one literal is written in two: adjacent or added strings, a line that goes on, a folded scalar of YAML."""
