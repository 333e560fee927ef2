"""Cơ quan được công bố → keep what the directory says of it, for those that are merged."""

from hub_events.event import Fact
from hub_events.reference import AgencyPublishedV1
from services.routing.domain.succession import AgencyVersion
from services.routing.handlers.ports import RoutingUow


def on_agency_published(fact: Fact[AgencyPublishedV1], uow: RoutingUow) -> None:
    """Ghi nhận một phiên bản của cơ quan. Repeated or late: what a later approval said stays."""
    agency = fact.data
    known = uow.agencies.get(agency.key)
    if known is not None and known.edition > agency.edition:
        return
    version = AgencyVersion(
        key=agency.key,
        edition=agency.edition,
        code=agency.code,
        name=agency.name,
        valid_from=agency.valid_from,
        valid_to=agency.valid_to,
        withdrawn=agency.withdrawn,
        successor=agency.successor,
    )
    if version != known:
        uow.agencies.put(agency.key, version)
