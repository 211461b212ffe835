"""Revisions, one step of the schema each. None is edited once it was released."""
