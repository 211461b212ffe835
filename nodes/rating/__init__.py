"""Rating: how risky what a node is about to do is, by the engine and the repository's own policy."""
