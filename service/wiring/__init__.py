"""Wiring: which backend each room gets, from the settings. The only package that opens the back rooms."""
