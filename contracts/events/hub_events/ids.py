"""Mã định danh: UUIDs, made by the class in C that asyncpg brings where it is there, else by Python's own.

Both are `uuid.UUID`, equal to each other and of one hash. A fact's ids are read, compared and written some forty times
on its way, and the class in C does each five to fifteen times faster (docs/performance.md).
"""

from collections.abc import Callable
from hashlib import sha1
from uuid import UUID

try:
    from asyncpg.pgproto import pgproto
except ImportError:  # who only reads events needs no database
    _uuid: Callable[[str], UUID] = UUID
else:
    _uuid = pgproto.UUID

_VERSION_AND_VARIANT = 0xF000_C000_0000_0000_0000
_VERSION_5 = 0x5000_8000_0000_0000_0000


def read_id(text: str) -> UUID:
    """The id that `text` names. Raises ValueError."""
    return _uuid(text)


def derive_id(cause: UUID, *what: str) -> UUID:
    """The id of what follows from `cause`: same cause, same words, same id; so a redo makes no second effect.

    A UUID of version 5 (RFC 9562 §5.5) in the name space `cause`, of the words joined by `/`.
    """
    digest = sha1(cause.bytes + "/".join(what).encode(), usedforsecurity=False).digest()
    number = int.from_bytes(digest[:16], "big") & ~_VERSION_AND_VARIANT | _VERSION_5
    return _uuid(f"{number:032x}")
