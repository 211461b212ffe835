"""A2A server: another agent gives tasks by the Agent2Agent protocol; people are asked through it, and never vote."""
