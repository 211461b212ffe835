"""Metered API calls."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from subscriptions.periods import Period


@dataclass(frozen=True)
class Reading:
    """Calls made on one day."""

    day: date
    calls: int


class Meter:
    """All readings of one subscription."""

    def __init__(self) -> None:
        self._readings: list[Reading] = []

    def record(self, reading: Reading) -> None:
        if reading.calls < 0:
            raise ValueError("calls cannot be taken back")
        self._readings.append(reading)

    def calls(self, period: Period) -> int:
        """Calls made within the period."""
        return sum(reading.calls for reading in self._readings if reading.day in period)
