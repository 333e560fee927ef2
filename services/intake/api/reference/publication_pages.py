"""Trang cho người dân: templates of `data/pages`, with everything escaped. Loaded for the first page."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_LEVELS = {"commune": "cấp xã", "provincial": "cấp tỉnh", "district": "cấp huyện (đến 30/06/2025)"}
_PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).parents[2] / "data" / "pages"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_PAGES.filters["day"] = lambda day: f"{day:%d/%m/%Y}"
_PAGES.filters["level"] = lambda level: _LEVELS.get(level, "mọi cấp")


def render(template: str, **content: Any) -> bytes:
    """A page as UTF-8."""
    return _PAGES.get_template(template).render(**content).encode()
