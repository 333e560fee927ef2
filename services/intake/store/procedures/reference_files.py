"""Bảng tra của việc nhập danh mục: kinds of agencies, texts that have ended; a site's own before the packaged."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from services.intake.domain.procedures.agency_kinds import KindRule
from services.intake.domain.procedures.legal_bases import EndedText, EndedTexts, number_of

KINDS, ENDED = "agency_kinds.json", "ended_texts.json"


@dataclass(frozen=True, slots=True)
class Tables:
    """What imported procedures are judged by."""

    kinds: Sequence[KindRule]
    ended: EndedTexts


def read_tables(folder: Path, packaged: Path) -> Tables:
    """The tables of a site, or the packaged ones. Raises ValueError that names file and entry."""
    kinds = _read(folder, packaged, KINDS, _kind)
    ended = _read(folder, packaged, ENDED, _ended)
    return Tables(kinds, {text.number: text for text in ended})


def _kind(entry: dict[str, Any]) -> KindRule:
    return KindRule(re.compile(entry["says"]), entry["kind"], entry.get("unrouted"))


def _ended(entry: dict[str, Any]) -> EndedText:
    number = number_of(entry["number"])
    if number is None:
        raise ValueError("no number of a text")
    ended = date.fromisoformat(entry["ended"]) if entry["ended"] else None
    return EndedText(number, entry["title"], ended, tuple(entry["replaced_by"]), entry["certainty"])


def _read(folder: Path, packaged: Path, name: str, made: Any) -> list[Any]:
    file = folder / name if (folder / name).exists() else packaged / name
    try:
        entries = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        raise ValueError(f"{file}: not JSON") from None
    found = []
    for place, entry in enumerate(entries, start=1):
        try:
            found.append(made(entry))
        except (KeyError, TypeError, ValueError, re.error) as error:
            raise ValueError(f"{file}, entry {place}: {error}") from None
    return found
