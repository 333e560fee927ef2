"""ROUTING_ENDPOINTS_FILE: `{"<agency code or *>": {"url": "https://…/{agency_code}", "secrets": ["whsec_…"]}}`.

`"repeat_safe": false` beside them for an agency that makes a new dossier of every request, whatever its key; and
`"status_query": true` for one that answers `GET <url>/handovers/<key>`. `"offers": ["cancellations", "corrections"]`:
what else it takes, at `<url>/cancellations` and `<url>/corrections`; of what it doesn't take, a person must tell it.
"""

from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from hub_web.bodies import read_json
from hub_web.problems import Problem
from hub_web.signatures import secret_key
from services.routing.domain.endpoint import Endpoint, Offer

EVERY_AGENCY = "*"


def _usable(secret: str) -> str:
    secret_key(secret)
    return secret


class _Endpoint(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s?#]+$", max_length=500)]
    secrets: tuple[Annotated[str, AfterValidator(_usable)], ...] = Field(min_length=1, max_length=5)
    repeat_safe: bool = True
    status_query: bool = False
    offers: frozenset[Offer] = frozenset()


_FILE = TypeAdapter(dict[str, _Endpoint])


class Endpoints:
    """The endpoints in one edition of the file."""

    def __init__(self, by_code: dict[str, _Endpoint]) -> None:
        self._by_code = by_code

    def of(self, agency_code: str) -> Endpoint | None:
        """The agency's own endpoint, else that of `*`; `{agency_code}` in the address is filled in."""
        found = self._entry(agency_code)
        if found is None:
            return None
        url = found.url.replace("{agency_code}", quote(agency_code, safe="")).rstrip("/")
        return Endpoint(url, found.secrets, found.repeat_safe, found.status_query, found.offers)

    def repeat_safe(self, agency_code: str) -> bool:
        """Whether the agency takes one key once. Without an endpoint nothing is sent."""
        found = self._entry(agency_code)
        return found is None or found.repeat_safe

    def offers(self, agency_code: str, offer: Offer) -> bool:
        """Whether the agency takes such a call."""
        found = self._entry(agency_code)
        return found is not None and offer in found.offers

    def _entry(self, agency_code: str) -> _Endpoint | None:
        return self._by_code.get(agency_code) or self._by_code.get(EVERY_AGENCY)


def read_endpoints(file: Path) -> Endpoints:
    """The endpoints in `file`. Raises ValueError without any secret in it, OSError when it can't be read."""
    try:
        return Endpoints(_FILE.validate_python(read_json(file.read_bytes())))
    except Problem as unreadable:
        raise ValueError(f"{file.name}: {unreadable.detail}") from None
    except ValidationError as invalid:
        first = invalid.errors(include_url=False, include_input=False)[0]
        raise ValueError(f"{file.name}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
