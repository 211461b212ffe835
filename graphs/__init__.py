"""The shape of the work: the state, the arrows, the colleagues."""

from graphs.coding import CodingGraph, coding
from graphs.memory import serializer
from graphs.staff import Staff
from graphs.state import State

__all__ = ["CodingGraph", "Staff", "State", "coding", "serializer"]
