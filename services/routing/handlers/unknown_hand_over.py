"""Bàn giao chưa rõ kết quả: did the agency take it? Its own words prove it; else its system is asked."""

from hub_messaging.outcomes import Sent
from hub_messaging.unknown import NotSent
from hub_messaging.work import WorkRow
from services.routing.handlers.parcels import read_parcel
from services.routing.handlers.ports import HandOverQuestions, TransferQueries


async def find_out(row: WorkRow, transfers: TransferQueries, systems: HandOverQuestions) -> Sent | NotSent | None:
    """An agency that has called back about the dossier has it; of what follows only its system can tell."""
    transfer = await transfers.find(row.dossier_id)
    if transfer is not None and row.kind == "dossier":
        leg = transfer.named(read_parcel(row.body).leg)
        if leg.heard_of:
            return Sent(leg.foreign_number)
    return await systems.ask(row)
