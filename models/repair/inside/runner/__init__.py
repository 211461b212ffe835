"""The process that has the test suite imported and runs candidates in forked children."""
