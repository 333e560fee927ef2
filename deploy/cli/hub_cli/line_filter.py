"""One answer for each line: the shell of `hub due` and `hub terms`. It streams, and never waits with an answer."""

import json
import os
import sys
from collections.abc import Callable
from datetime import time
from io import BufferedIOBase
from typing import Any, BinaryIO, NoReturn, cast

_CHUNK = 1 << 16
_LONGEST_LINE = 1 << 20  # bytes; what lies beyond is dropped, so that no line can fill the memory

Answer = dict[str, Any]


def answer_lines(answer: Callable[[bytes], Answer], source: BufferedIOBase, sink: BinaryIO) -> None:
    """Writes exactly one line of compact JSON for each line read, in order, the last one with or without its end."""
    kept = b""
    while chunk := source.read1(_CHUNK):
        first, *rest = chunk.split(b"\n")
        kept = (kept + first)[:_LONGEST_LINE]
        if rest:
            complete = [kept, *rest[:-1]]
            sink.write(b"".join(encode(answer(line)) for line in complete))
            sink.flush()
            kept = rest[-1]
    if kept:
        sink.write(encode(answer(kept)))
        sink.flush()


def encode(answer: Answer) -> bytes:
    """Compact JSON in UTF-8, with the line end."""
    try:
        return (json.dumps(answer, ensure_ascii=False, separators=(",", ":")) + "\n").encode()
    except UnicodeEncodeError:  # half of a surrogate pair, echoed: only an escape can say it
        return (json.dumps(answer, separators=(",", ":")) + "\n").encode()


class _Repeated(dict[str, Any]):
    """An object in which a key stands twice: two readers would read two different things."""


def read_object(line: bytes) -> tuple[dict[str, Any], bool]:
    """The JSON object on a line, and whether it can be trusted: whole UTF-8, no key twice.

    ValueError where the line is no JSON object, or is nested deeper than it could be echoed.
    """
    text = line.decode("utf-8", errors="replace").removeprefix("\ufeff")
    try:
        asked = json.loads(text, object_pairs_hook=_object, parse_float=_finite, parse_constant=_no_number)
        json.dumps([[asked]])  # what can be read can still be nested too deeply to be echoed
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(asked, dict):
        raise ValueError("not an object")
    return asked, not isinstance(asked, _Repeated) and _is_utf8(line)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else _Repeated(found)


def _finite(digits: str) -> float:
    number = float(digits)
    return number if number - number == 0 else _no_number(digits)


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON number")


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def clock_time(cut_off: time) -> str:
    """15:00, or 15:00:30 where the seconds say something."""
    return cut_off.isoformat("auto" if cut_off.second or cut_off.microsecond else "minutes")


def run_filter(answer: Callable[[bytes], Answer]) -> int:
    """Standard input to standard output. A reader that went away is no error of ours, and no success either."""
    try:
        answer_lines(answer, cast(BufferedIOBase, sys.stdin.buffer), sys.stdout.buffer)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130
    return 0
