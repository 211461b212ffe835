"""Entries of accounts."""

from collections import defaultdict

from ledger.money import percent


class Book:
    def __init__(self, opening=None):
        self.balances = defaultdict(int)
        self.entries = []
        for account, cents in (opening or {}).items():
            self.balances[account] += cents

    def move(self, source, target, cents, note=""):
        """Move money; a source may not go below zero."""
        if cents <= 0:
            raise ValueError("amount must be positive")
        if self.balances[source] < cents:
            raise LookupError(f"{source} has only {self.balances[source]}")
        self.balances[source] -= cents
        self.balances[target] += cents
        self.entries.append((source, target, cents, note))
        return self

    def statement(self, account):
        """Changes of one account in order, with the sum so far."""
        lines, sum_so_far = [], 0
        for source, target, cents, note in self.entries:
            if account not in (source, target):
                continue
            change = cents if target == account else -cents
            sum_so_far += change
            lines.append(f"{note or 'transfer'}: {change} ({sum_so_far})")
        return lines

    def shares(self):
        """Each account's percent of everything, largest first."""
        whole = sum(self.balances.values())
        parts = [(name, percent(cents, whole)) for name, cents in self.balances.items()]
        return sorted(parts, key=lambda part: (-part[1], part[0]))

    def undo(self):
        """Take back the last movement."""
        if not self.entries:
            return None
        source, target, cents, _ = self.entries.pop()
        self.balances[source] += cents
        self.balances[target] -= cents
        return cents
