"""Wiring of the coding graph: its nodes, the coder and its teams, prompts, memories, and what outcomes teach."""
