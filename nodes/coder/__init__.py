"""The coder of a run: what it is shown, how it is asked, and how what it wants is done, one turn after another."""
