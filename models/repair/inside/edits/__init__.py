"""Mutation and insertion operators: what a place in a program may be changed to."""
