"""Trang tra cứu hồ sơ, as its visitors meet it: right words, nobody's data, no way to guess."""

import asyncio
import re
import socket
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4

import asyncpg
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub_events.event import Envelope, Event, Fact
from hub_events.routing import AgencyRef, DossierCompletedV1, DossierHandedOverV1, DossierRoutedV1, RoutedLeg
from hub_events.sla import DeadlineMissedV1
from hub_messaging.database import Writes
from services.intake.domain.timeline import Step, step_of
from services.intake.settings import Settings
from services.intake.store.tables import PROGRESSES, insert_steps
from tests.intake.conftest import ACCEPTANCE, FrontDoor, birth, opened, residence

pytestmark = pytest.mark.stack

POLICE = AgencyRef(code="G01.01.02", name="Công an phường Ba Đình")
CODE = "H26.15.01-260302-0001"
PHONE_DIGITS, ID_DIGITS = "5678", "0001"
VOID = {"meta", "input", "link", "br", "hr", "img"}


class Page(HTMLParser):
    """Reads a page strictly: what is opened is closed, in order; ids are unique; labels and headings fit."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.html = html
        self.open: list[str] = []
        self.ids: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.headings: list[int] = []
        self.words: list[str] = []
        assert html.startswith('<!doctype html>\n<html lang="vi">')
        self.feed(html)
        self.close()
        assert self.open == []
        assert len(set(self.ids)) == len(self.ids)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        assert len(found) == len(attrs), f"an attribute twice in {tag}"
        assert not any(name.startswith("on") or name == "style" for name in found), f"{tag} {found}"
        self.tags.append((tag, found))
        if "id" in found:
            self.ids.append(found["id"] or "")
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def accessible(self) -> "Page":
        """What a screen reader needs."""
        tags = [tag for tag, _ in self.tags]
        assert tags.count("h1") == tags.count("main") == tags.count("title") == 1
        levels = [level for level in self.headings]
        assert all(later <= earlier + 1 for earlier, later in zip(levels, levels[1:], strict=False) if earlier)
        named = {attrs["for"] for tag, attrs in self.tags if tag == "label"}
        fields = [attrs for tag, attrs in self.tags if tag == "input"]
        assert {attrs["id"] for attrs in fields} == named
        for _, attrs in self.tags:
            for part in ("aria-describedby", "aria-labelledby"):
                assert set((attrs.get(part) or "").split()) <= set(self.ids)
            target = attrs.get("href") or ""
            assert not target.startswith("#") or target[1:] in self.ids
        assert "script" not in tags
        return self


class Visitor:
    """Somebody with a receipt in front of the page."""

    def __init__(self, door: FrontDoor, forwarded: str | None = None) -> None:
        self.door = door
        self.headers = {"X-Forwarded-For": forwarded} if forwarded else {}

    async def looks_up(self, code: str, digits: str) -> httpx.Response:
        return await self.door.client.post("/tra-cuu", data={"code": code, "digits": digits}, headers=self.headers)

    async def sees(self, code: str = CODE, digits: str = PHONE_DIGITS) -> str:
        """The text of the dossier's page, which is well made."""
        response = await self.looks_up(code, digits)
        assert response.status_code == 200, response.text
        return Page(response.text).accessible().text


@pytest.fixture
def visitor(door: FrontDoor) -> Visitor:
    return Visitor(door)


async def reported(door: FrontDoor, dossier_id: str, *events: Event) -> None:
    """What other services say, as the reader keeps it."""
    found = await door.intake._queries().by_id(__import__("uuid").UUID(dossier_id))
    assert found is not None
    dossier, progress = found
    moment = door.intake.spine.clock.now()
    steps: list[Step] = []
    for event in events:
        progress = progress.after(event, moment)
        envelope = Envelope(uuid4(), event.type, "/hub/test", dossier_id, moment, moment)
        fact: Fact[Any] = Fact(envelope, event)
        steps.append(step_of(event, dossier_id=dossier.id, event_id=fact.id, occurred_at=moment, recorded_at=moment))
    await save(door, progress, steps)


async def save(door: FrontDoor, progress: Any, steps: list[Step]) -> None:
    await door.intake.spine.pool.execute(
        "UPDATE progress SET (routed_at, agency_code, agency_name, handed_over_at, completed_at, result, missed_due_at)"
        " = ($2, $3, $4, $5, $6, $7, $8) WHERE dossier_id = $1",
        progress.dossier_id, progress.routed_at, progress.agency_code, progress.agency_name,
        progress.handed_over_at, progress.completed_at, progress.result, progress.missed_due_at,
    )  # fmt: skip
    for step in steps:
        await door.intake.spine.pool.execute("INSERT INTO step VALUES ($1, $2, $3, $4, $5, $6)", *step)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
