"""Programs that commands run: a grammar of their arguments in YAML, and readers for those with a language. Pure."""
