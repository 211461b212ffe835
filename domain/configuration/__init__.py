"""Configuration that people write, read as values: secrets in files of their own, faults that repeat none."""

from domain.configuration.values import SHORTEST_SECRET, configured, explained, signing_key

__all__ = ["SHORTEST_SECRET", "configured", "explained", "signing_key"]
