"""How many bugs the built-in repair engine repairs, how fast, and how many repairs are right."""
