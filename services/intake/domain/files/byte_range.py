"""Phần của tệp: which bytes a `Range` header asks for (RFC 9110 §14)."""

import re
from typing import NamedTuple

from services.intake.domain.files.file_refusals import RangeNotThere

_ONE_RANGE = re.compile(r"bytes=(?:([0-9]{1,18})-([0-9]{0,18})|-([0-9]{1,18}))", re.ASCII)


class Span(NamedTuple):
    """Bytes `first` to `last`, both included. `partial`: a part of the file was asked for."""

    first: int
    last: int
    partial: bool

    @property
    def length(self) -> int:
        return self.last - self.first + 1


def span_of(asked: str | None, size: int) -> Span:
    """The bytes to give of `size`. What isn't one range of bytes is not for us: all. Raises RangeNotThere."""
    whole = Span(0, size - 1, partial=False)
    found = _ONE_RANGE.fullmatch(asked.strip()) if asked is not None else None
    if found is None:
        return whole
    begin, end, final = found.groups()
    if final is not None:
        if int(final) == 0:
            raise RangeNotThere(size)
        return Span(max(0, size - int(final)), size - 1, partial=True)
    first, last = int(begin), min(int(end), size - 1) if end else size - 1
    if end and int(end) < first:
        return whole
    if first >= size:
        raise RangeNotThere(size)
    return Span(first, last, partial=True)
