"""The command line ``signoff``, one module for each group of commands.

Nothing is imported here: ``app`` loads the module of a command when that command is given.
"""
