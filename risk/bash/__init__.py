"""A reader of bash: what a script would run, write and assign. Pure; default deny where the parser is not sure."""
