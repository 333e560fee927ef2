"""A module that can not be imported."""

raise ImportError("no such thing: warmth")
