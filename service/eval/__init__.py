"""Evaluation: datasets that others know, worked on by the product, judged by tests that it did not see."""
