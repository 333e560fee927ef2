"""`hub terms`: đọc thời hạn giải quyết. A pure filter, one answer for each published text."""

import argparse
import sys

from hub_cli.line_filter import Answer, clock_time, encode, read_object, run_filter
from hub_worktime import parse_term

_DESCRIPTION = """Reads terms (thời hạn giải quyết) as they are published, one on each line:
  2.5 WORKING_DAY
and prints one line of JSON for each, in order. A text with line breaks, or one that needs an id, can be given as
  {"id":1,"text":"Không quá 15 ngày\\nkể từ ngày nhận đủ hồ sơ"}
What can't be understood has unit null and a reason."""


def main(arguments: list[str]) -> int:
    """Exit 0: every text has an answer."""
    parser = argparse.ArgumentParser(
        "hub terms", description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("text", nargs="*", help="texts to read instead of standard input")
    texts: list[str] = parser.parse_args(arguments).text
    if not texts:
        return run_filter(answer)
    sys.stdout.buffer.write(b"".join(encode(read(text)) for text in texts))
    return 0


def answer(line: bytes) -> Answer:
    """The answer to one line: the text itself, or an object that holds it."""
    if line.startswith(b"{"):
        try:
            asked, trusted = read_object(line)
        except ValueError:
            trusted = False
        if trusted and isinstance(text := asked.get("text", asked.get("term")), str):
            return ({"id": asked["id"]} if "id" in asked else {}) | read(text)
    return read(line.removesuffix(b"\r").decode("utf-8", errors="replace").removeprefix("\ufeff"))


def read(text: str) -> Answer:
    """The text with unit and amount, or with the reason why it has none; its own cut-off where it states one."""
    term = parse_term(text)
    if term.unit is None or term.amount is None:
        return {"text": text, "unit": None, "reason": term.reason}
    amount = int(term.amount) if term.amount == int(term.amount) else float(term.amount)
    found: Answer = {"text": text, "unit": term.unit.value, "amount": amount}
    return found if term.cut_off is None else found | {"cut_off": clock_time(term.cut_off)}
