"""Prompts of an installation: which version a run speaks, who changed that, canaries, and what came of each version."""
