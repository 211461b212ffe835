"""The shape of the work: the state, the arrows, the colleagues."""

from graphs.coding import CodingGraph, coding
from graphs.nodes import Nodes
from graphs.serializer import serializer
from graphs.state import State

__all__ = ["CodingGraph", "Nodes", "State", "coding", "serializer"]
