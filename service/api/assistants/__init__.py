"""Assistants and their schedules, over HTTP."""
