"""Nội dung yêu cầu về quá trình tại Bộ phận Một cửa. Unknown fields are refused."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StringConstraints

from hub_events.values import OfficerCode, Slug
from services.intake.api.bodies import AcceptanceBody, ActedBody, Applicant, At, Contact, PaperShown, Parts, Prose
from services.intake.domain.desk.correction import Corrected
from services.intake.domain.desk.desk_steps import Recordable
from services.intake.domain.desk.life import Collector, PaidBy

Reference = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._/-]{0,62}[A-Za-z0-9])?$")]
"""Mã thanh toán: a code of the bank, the till or the payment platform, not a name."""


class LifeBody(BaseModel):
    """Every one of them names the officer."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    officer: OfficerCode


class WithdrawalBody(ActedBody, LifeBody):
    """Công dân yêu cầu rút hồ sơ; `acted_by`: who asks; `officer` writes it down."""


class StopBody(LifeBody):
    """Thông báo dừng giải quyết, with the reason that the applicant is told."""

    reason_code: Slug
    reason: Prose


class StepBody(LifeBody):
    """Bước xử lý; `at` defaults to now."""

    step: Recordable
    at: At | None = None


class ReadyBody(LifeBody):
    """Kết quả đã về; `at` defaults to now."""

    at: At | None = None


class CollectedBody(PaperShown):
    """Người nhận kết quả."""

    collected_by: Collector

    @property
    def by_proxy(self) -> bool:
        return self.collected_by == "proxy"


class ReturnBody(CollectedBody, LifeBody):
    """Trả kết quả; `at` defaults to now."""

    at: At | None = None


class FeeBody(LifeBody):
    """Yêu cầu nộp phí, lệ phí."""

    purpose: Slug
    amount: StrictInt = Field(description="Số nguyên đồng, lớn hơn 0.")


class PaymentBody(LifeBody):
    """Đã nộp; `at` defaults to now."""

    reference: Reference
    by: PaidBy
    at: At | None = None


class WaiverBody(LifeBody):
    """Miễn nộp."""

    reason_code: Slug


class CorrectionBody(LifeBody):
    """Đính chính: what is given is right from now on, in full; what is left out stands. `reason` is kept sealed."""

    reason: Prose
    contact: Contact | None = None
    applicant: Applicant | None = None
    case: Slug | None = None
    components: Parts | None = None

    def right(self) -> dict[Corrected, Any]:
        """What is said to be right; `case` null takes the case away."""
        given: dict[Corrected, Any] = {}
        if self.contact is not None:
            given["contact"] = self.contact.personal()
        if self.applicant is not None:
            given["applicant"] = self.applicant.model_dump(mode="json", exclude_none=True)
        if "case" in self.model_fields_set:
            given["case"] = self.case
        if self.components is not None:
            given["components"] = tuple(part.ref() for part in self.components)
        return given


class DidBody(BaseModel):
    """Who did a step, when; `at` defaults to now."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    officer: OfficerCode
    at: At | None = None


class OnTheSpotBody(CollectedBody):
    """Bốn tại chỗ: tiếp nhận, thẩm định, phê duyệt, trả kết quả."""

    acceptance: AcceptanceBody
    appraised: DidBody
    approved: DidBody
    returned: DidBody
    collected_by: Literal["applicant", "proxy"]
