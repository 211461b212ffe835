"""Runs: the rows of runs, turns and threads, the lease on a run, its event log, and the engine that advances it.

It knows no HTTP, no queue and no file of the wiring: those call it.
"""
