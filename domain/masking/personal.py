"""Personal data by form and checksum: mail, telephone, payment cards, accounts, national numbers. Pure and linear.

Sources: ISO/IEC 7812 (Luhn), ISO 13616 (IBAN), Receita Federal (CPF, CNPJ, also with letters from 2026), SSA (SSN),
Orden INT/2058/2008 (DNI, NIE).
"""

import re
from dataclasses import dataclass
from typing import Final

_MAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,6}[A-Za-z]{2,24}(?![\w-])")
_PHONE = re.compile(
    r"(?<![\w+.])(?:\+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d{1,4}(?:[ .-]?\d{2,4}){2,4}"
    r"|\(\d{2,4}\)[ .-]?\d{3,5}[ .-]\d{3,4}|\d{3}-\d{3}-\d{4})(?![\w-]|\.\d)"
)
_CARD = re.compile(
    r"(?<![\w.-])(?:[2-6]\d{3}(?:[ -]?\d{4}){2}[ -]?\d{1,7}|3[47]\d{2}[ -]?\d{6}[ -]?\d{5})(?![\w-]|\.\d)"
)
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![A-Za-z0-9])")
_SSN = re.compile(r"(?<![\w.-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\w-]|\.\d)")
_CPF = re.compile(r"(?<![\w.-])\d{3}\.?\d{3}\.?\d{3}-?\d{2}(?![\w-]|\.\d)")
_CNPJ = re.compile(r"(?<![\w.-])[A-Z0-9]{2}\.?[A-Z0-9]{3}\.?[A-Z0-9]{3}/?[A-Z0-9]{4}-?\d{2}(?![\w-]|\.\d)")
_DNI = re.compile(r"(?<![\w.-])(?:\d{8}|[XYZxyz]-?\d{7})-?[A-Za-z](?![\w-])")
_LETTERS: Final = "TRWAGMYFPDXBNJZSQVHLCKE"
_HARMLESS: Final = re.compile(
    r"(?i)@(?:example\.|.*\.example$|.*\.(?:invalid|test|localhost)$|users\.noreply\.github\.com$|localhost)|^(?:git|noreply|no-reply)@"
)


@dataclass(frozen=True, slots=True)
class Personal:
    """One piece of personal data: ``text[start:end]``."""

    start: int
    end: int
    label: str


def find_personal(text: str) -> tuple[Personal, ...]:
    """Everything in a text that looks like personal data, in order, without overlaps."""
    mails = _MAIL.finditer(text) if "@" in text else ()
    matches = [_at(m, "e-mail address") for m in mails if not _HARMLESS.search(m[0])]
    if any(digit in text for digit in "0123456789"):
        matches += [_at(m, "card number") for m in _CARD.finditer(text) if luhn(m[0])]
        matches += [_at(m, "IBAN") for m in _IBAN.finditer(text) if iban(m[0])]
        matches += [_at(m, "social security number") for m in _SSN.finditer(text)]
        matches += [_at(m, "CPF") for m in _CPF.finditer(text) if cpf(m[0])]
        matches += [_at(m, "CNPJ") for m in _CNPJ.finditer(text) if cnpj(m[0])]
        matches += [_at(m, "DNI or NIE") for m in _DNI.finditer(text) if dni(m[0])]
        numbers = (m for m in _PHONE.finditer(text) if _MOST > len(_digits(m[0])) > _FEWEST)
        matches += [_at(m, "telephone number") for m in numbers]
    apart: list[Personal] = []
    for each in sorted(matches, key=lambda one: (one.start, -one.end)):
        if not apart or each.start >= apart[-1].end:
            apart.append(each)
    return tuple(apart)


# ITU-T E.164: at most 15 digits, the country's code included. Eight or fewer may count anything.
_FEWEST, _MOST = 8, 16


def _at(match: re.Match[str], label: str) -> Personal:
    return Personal(match.start(), match.end(), label)


def _digits(text: str) -> str:
    return "".join(c for c in text if c.isascii() and c.isdigit())


def luhn(text: str) -> bool:
    """ISO/IEC 7812: the checksum of payment cards."""
    digits = [int(c) for c in reversed(_digits(text))]
    # Zeros pass the checksum, and are nobody's card.
    if not 13 <= len(digits) <= 19 or len(set(digits)) == 1:  # noqa: PLR2004
        return False
    return sum(d if n % 2 == 0 else sum(divmod(2 * d, 10)) for n, d in enumerate(digits)) % 10 == 0


def iban(text: str) -> bool:
    """ISO 13616: mod 97 is 1."""
    plain = text.replace(" ", "")
    if not 15 <= len(plain) <= 34:  # noqa: PLR2004
        return False
    return int("".join(str(int(c, 36)) for c in plain[4:] + plain[:4])) % 97 == 1


def cpf(text: str) -> bool:
    """Two check digits, mod 11."""
    digits = [int(c) for c in _digits(text)]
    # 111.111.111-11 passes the checksum, and is given to nobody.
    if len(digits) != 11 or len(set(digits)) == 1:  # noqa: PLR2004
        return False
    return all(digits[n] == sum((n + 1 - i) * digits[i] for i in range(n)) * 10 % 11 % 10 for n in (9, 10))


def cnpj(text: str) -> bool:
    """Two check digits, mod 11; letters count as their ASCII code less 48."""
    plain = re.sub(r"[^A-Z0-9]", "", text)
    values = [ord(c) - 48 for c in plain]
    if len(values) != 14 or len(set(plain)) == 1:  # noqa: PLR2004
        return False
    for n in (12, 13):
        weights = [*range(n - 7, 1, -1), *range(9, 1, -1)]
        rest = sum(w * v for w, v in zip(weights, values, strict=False)) % 11
        if values[n] != (0 if rest < 2 else 11 - rest):  # noqa: PLR2004
            return False
    return True


def dni(text: str) -> bool:
    """The letter is the number mod 23."""
    plain = text.replace("-", "").upper()
    number = plain[:-1].replace("X", "0").replace("Y", "1").replace("Z", "2")
    return plain[-1] in _LETTERS and _LETTERS[int(number) % 23] == plain[-1]
