"""What a program is made of: its source, scopes, facts, suspicious lines, and the files it lies in."""
