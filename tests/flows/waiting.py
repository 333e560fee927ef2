"""The same wait under its former name, for what still says it so."""

from tests.waiting import until as eventually

__all__ = ["eventually"]
