"""What Signoff promises about speed and success, measured. ``make bench`` runs all of it.

Every part is a module with ``measure() -> {"room.name": number}``; ``report`` keeps the numbers in
``results/latest.json`` and holds them against their goals.
"""
