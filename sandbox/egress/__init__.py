"""Egress: which hosts a sandbox may reach, and the proxy that holds it to that."""
