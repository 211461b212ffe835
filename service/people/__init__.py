"""What is kept about a person: found, handed out, corrected and forgotten, wherever it stands."""
