"""``signoff memory``."""
