"""Plans of organisations: limits of a month, what was used of them, and who says which plan it is."""
