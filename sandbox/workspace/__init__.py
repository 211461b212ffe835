"""Workspaces: the checkout inside a sandbox, and the content store that survives it."""
