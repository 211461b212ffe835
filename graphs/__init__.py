"""The state machine of a run: its state, its nodes and the routes between them."""

from graphs.coding import CodingGraph, coding
from graphs.nodes import Nodes
from graphs.serializer import serializer
from graphs.state import State

__all__ = ["CodingGraph", "Nodes", "State", "coding", "serializer"]
