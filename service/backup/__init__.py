"""Backup and restore of an installation: rows, checkpoints, the content of runs, keys, and the audit's witness."""
