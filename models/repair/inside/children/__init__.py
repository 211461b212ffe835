"""What programs that tests start import before anything else. The folder goes on ``PYTHONPATH`` as it is."""
