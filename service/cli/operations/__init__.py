"""Commands of those who operate an installation: how it stands, what was left behind, and its caches."""
