"""Memories and skills, as planner and coder read them."""
