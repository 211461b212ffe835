"""The benchmark of strategies: the same small bugs for each of them, and what solving them took."""
