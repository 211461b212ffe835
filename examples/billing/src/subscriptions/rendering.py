"""An invoice as a person reads it."""

from __future__ import annotations

from subscriptions.invoicing import Invoice

WIDTH = 48


def render(invoice: Invoice) -> str:
    """Plain text, amounts right-aligned."""
    head = f"{invoice.customer}  {invoice.period.start} until {invoice.period.end}"
    rows = [(line.text, str(line.amount)) for line in invoice.lines]
    rows.append(("Total", str(invoice.total)))
    return "\n".join([head, *(f"{text:<{WIDTH - 12}}{amount:>12}" for text, amount in rows)])
