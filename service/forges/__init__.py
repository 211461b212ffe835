"""Forges: web hooks of GitHub and GitLab that start runs, refine them and end them, and the comments that answer."""
