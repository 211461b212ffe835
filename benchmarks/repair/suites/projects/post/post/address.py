from dataclasses import dataclass


class Unreadable(ValueError):
    pass


@dataclass(frozen=True)
class Address:
    local: str
    domain: str

    def __str__(self):
        return f"{self.local}@{self.domain}"


def read(text):
    """'a.b@example.org' as an Address."""
    local, at, domain = text.strip().rpartition("@")
    if not at or not local or not domain:
        raise Unreadable(f"not an address: {text!r}")
    return Address(local, domain.lower())


def by_domain(addresses):
    """Addresses by domain, each domain's sorted."""
    found = {}
    for address in addresses:
        found.setdefault(address.domain, []).append(address.local)
    return {domain: sorted(locals_) for domain, locals_ in sorted(found.items())}
