"""Trình bày biểu mẫu bằng typst: in this process, with the fonts that it brings, the same on every machine.

What a citizen wrote goes in as data (`sys.inputs`), never as markup: a name that is typst code is printed as a name.
"""

import io
import re
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any

import orjson

from services.intake.domain.forms.forms import REGISTER

APART_SECONDS = 60
_LONG_WORD = re.compile(r"\S{26}(?=\S)")  # longer than a dossier's usual code, which people copy
_NARROW = {"rows": re.compile(r"\S{11}(?=\S)")}


class TypstPrinter:
    """One compiler for each process: it keeps fonts and templates. It lets other threads run while it works.

    A register goes to a process of its own: what typst remembers of a thousand lines takes 120 MB, which end with it.
    """

    def __init__(self, folder: Path, public_url: str) -> None:
        self._folder = folder
        self._public_url = public_url
        self._compiler: Any = None
        self._lock = Lock()  # a compiler serves one at a time

    def print(self, kind: str, fields: Mapping[str, Any], at: datetime) -> bytes:
        """The PDF; `at` is written into it as its date. The same fields and date: the same bytes."""
        data = {**_breakable(fields), "qr": self._tracking(fields.get("dossier_code"))}
        order = (str(self._folder / f"{kind}.typ"), orjson.dumps(data).decode(), int(at.timestamp()))
        return _printed_apart(order) if kind == REGISTER else self.typeset(*order)

    def typeset(self, template: str, data: str, at: int, *, tags: bool = True) -> bytes:
        """One document. `tags`: what screen readers go by."""
        with self._lock:
            pdf: bytes = self._ready().compile(
                template, format="pdf", sys_inputs={"data": data}, timestamp=at, pdf_tags=tags
            )
            return pdf

    def _ready(self) -> Any:
        if self._compiler is None:
            import typst  # 20 MB and 60 ms that most processes never need

            self._compiler = typst.Compiler(root=str(self._folder), ignore_system_fonts=True)
        return self._compiler

    def _tracking(self, dossier_code: str | None) -> str | None:
        return None if dossier_code is None else tracking_code(f"{self._public_url}/tra-cuu/{dossier_code}")


def _printed_apart(order: tuple[str, str, int]) -> bytes:
    command = [sys.executable, "-m", "services.intake.clients.typst_printer"]
    done = subprocess.run(command, input=orjson.dumps(order), capture_output=True, check=True, timeout=APART_SECONDS)
    return done.stdout


def _breakable(value: Any, word: re.Pattern[str] = _LONG_WORD) -> Any:
    """A word longer than its line may break: nothing leaves the paper. (A regex in typst costs 3 ms.)"""
    if isinstance(value, str):
        return word.sub("\\g<0>\u200b", value)
    if isinstance(value, Mapping):
        return {name: _breakable(part, _NARROW.get(name, word)) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_breakable(part, word) for part in value]
    return value


def tracking_code(url: str) -> str:
    """Mã QR of a page, as SVG."""
    import segno  # needed by the first form, not by the start

    picture = io.BytesIO()
    segno.make(url, error="m", micro=False).save(picture, kind="svg", border=0, xmldecl=False)
    return picture.getvalue().decode()


def main() -> None:
    """Prints the one order that stands on standard input."""
    template, data, at = orjson.loads(sys.stdin.buffer.read())
    # Tags would make a thousand lines ten times as large.
    sys.stdout.buffer.write(TypstPrinter(Path(template).parent, "").typeset(template, data, at, tags=False))


if __name__ == "__main__":
    main()
