"""Docker: containers as sandboxes, hardened, checked before anything runs, and swept up after a crash."""
