"""Đơn vị công việc of routing: the transfers, besides what every unit of work has."""

from datetime import datetime

from hub_messaging.unit_of_work import Shelf, UnitOfWork
from services.routing.domain.succession import AgencyVersion
from services.routing.domain.transfer import Transfer
from services.routing.store.agencies import AGENCIES
from services.routing.store.transfers import TRANSFERS

TRANSFERS_SHELF, AGENCIES_SHELF = "transfers", "agencies"


class RoutingUnitOfWork(UnitOfWork):
    """Jobs name transfers by dossier id under `transfers`, versions of agencies by their key under `agencies`."""

    def __init__(self, now: datetime) -> None:
        super().__init__("routing", now)
        self.transfers: Shelf[object, Transfer] = self.shelf(TRANSFERS_SHELF, TRANSFERS)
        self.agencies: Shelf[str, AgencyVersion] = self.shelf(AGENCIES_SHELF, AGENCIES)
