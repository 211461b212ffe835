"""Amounts in cents."""

import re

PATTERN = re.compile(r"(-?)(\d+)(?:\.(\d{1,2}))?$")


def parse(text):
    """Read '12.5' as 1250 cents."""
    found = PATTERN.match(text.strip())
    if found is None:
        raise ValueError(f"not an amount: {text}")
    sign, whole, part = found.groups()
    cents = int(whole) * 100 + int((part or "0").ljust(2, "0"))
    return -cents if sign else cents


def allocate(amount, weights):
    """Split an amount by weights; what is left over goes to the first ones."""
    total = sum(weights)
    if total <= 0:
        raise ValueError("no weights")
    shares = [amount * weight // total for weight in weights]
    rest = amount - sum(shares)
    for place in range(rest):
        shares[place] += 1
    return shares


def percent(part, whole):
    """How much of the whole a part is, in percent."""
    if whole == 0:
        return 0.0
    return 100 * part / whole
