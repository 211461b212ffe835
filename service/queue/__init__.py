"""Queues of turns: the embedded dispatcher of one process, the distributed one on PostgreSQL, and the jobs in either.

One turn of a thread at a time, whichever performs it.
"""
