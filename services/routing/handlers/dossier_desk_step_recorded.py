"""Bước xử lý tại Bộ phận Một cửa → with the result at the desk, who hasn't got the dossier needn't any more."""

from hub_events.event import Fact
from hub_events.intake import DossierDeskStepRecordedV1
from services.routing.handlers.dossier_result_returned import finish_by_hand
from services.routing.handlers.ports import RoutingUow

RESULT_READY = "result-ready"


def on_dossier_desk_step_recorded(fact: Fact[DossierDeskStepRecordedV1], uow: RoutingUow) -> None:
    """Kết quả đã về Bộ phận Một cửa, whoever brought it. Other steps of the desk are no affair of the agencies."""
    if fact.data.step == RESULT_READY:
        finish_by_hand(fact.dossier_id, fact.data.recorded_at, uow)
