"""What the tests of the citizen's page share: a strict reader of HTML, and somebody with a receipt."""

import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import httpx

from services.intake.api.citizen import pages
from tests.intake.conftest import FrontDoor

CODE = "H26.15.01-260302-0001"
PHONE_DIGITS, ID_DIGITS = "5678", "0001"
PAGES = Path(pages.__file__).parents[2] / "data" / "pages"
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
        assert self.headings[0] in (1, 2), "an error summary stands before the first heading"
        assert all(later <= earlier + 1 for earlier, later in pairwise(self.headings))
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


def assert_guarded(response: httpx.Response) -> None:
    """A page that nobody keeps, frames, indexes, or gets anything into."""
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["x-frame-options"] == "DENY"
    assert response.headers["x-robots-tag"].startswith("noindex")
    policy = response.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "set-cookie" not in response.headers


async def forgive(door: FrontDoor) -> None:
    """As if nobody had ever tried."""
    await door.intake.spine.pool.execute("TRUNCATE wrong_try")
