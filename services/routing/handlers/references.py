"""Cơ quan giải quyết as events name it."""

from hub_events.routing import AgencyRef
from services.routing.domain.competence import Agency


def agency_ref(agency: Agency) -> AgencyRef:
    """Code and name."""
    return AgencyRef(code=agency.code, name=agency.name)
