"""``signoff prompts``."""
