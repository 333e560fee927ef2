"""Báo lỗi của dịch vụ tiếp nhận: every refusal of a command as problem details, with the next step."""

from collections.abc import Callable, Mapping
from typing import Any

from hub_messaging.errors import EventTooLarge
from hub_messaging.requests import KeyReused
from hub_web.problems import BODY_TOO_LARGE, IDEMPOTENCY_KEY_REUSED, NOT_FOUND, Problem, problem_type
from hub_worktime import VIETNAM
from services.intake.domain import refusals

Problems = Mapping[type[Exception], Callable[[Any], Problem]]
"""Refusal → the problem details that it is."""

PROCEDURE_UNKNOWN = problem_type("procedure-unknown", 422, "Không có thủ tục này")
PROCEDURE_WITHDRAWN = problem_type("procedure-withdrawn", 422, "Thủ tục đã bị bãi bỏ")
AGENCY_KIND_UNKNOWN = problem_type("agency-kind-unknown", 422, "Chưa rõ loại cơ quan giải quyết của thủ tục")
DESK_UNKNOWN = problem_type("desk-unknown", 422, "Không có Bộ phận Một cửa này")
TERRITORY_UNKNOWN = problem_type("territory-unknown", 422, "Không có đơn vị hành chính này")
CASE_UNKNOWN = problem_type("case-unknown", 422, "Thủ tục không có trường hợp này")
LEG_UNKNOWN = problem_type("leg-unknown", 422, "Thủ tục không có phần việc này")
COMPONENT_UNKNOWN = problem_type("component-unknown", 422, "Thủ tục không có thành phần hồ sơ này")
RECEIPT_NOT_BELIEVABLE = problem_type("received-at-not-believable", 422, "Thời điểm nhận hồ sơ không hợp lý")
TERM_NEEDS_A_PERSON = problem_type("term-needs-a-person", 422, "Thời hạn cần cán bộ ấn định")
TERM_IS_COMPUTED = problem_type("term-is-computed", 422, "Thời hạn này hệ thống tự tính")
PROMISE_BEFORE_RECEIPT = problem_type("promise-before-receipt", 422, "Ngày hẹn trả không sau ngày nhận")
DATES_OUT_OF_ORDER = problem_type("dates-out-of-order", 422, "Các ngày không theo thứ tự")
OLD_DOSSIER_DIFFERS = problem_type("old-dossier-differs", 409, "Hồ sơ cũ này đã nhập với nội dung khác")
DECISION_EXISTS = problem_type("decision-exists", 409, "Hồ sơ đã có kết quả giải quyết")
FEE_NOT_BELIEVABLE = problem_type("fee-not-believable", 422, "Số tiền không hợp lý")
FEE_UNKNOWN = problem_type("fee-unknown", 404, "Hồ sơ không có khoản phí này")
PROPOSAL_UNKNOWN = problem_type("fee-proposal-unknown", 404, "Danh mục không có mức phí này cho hồ sơ")
FEE_NOT_PROPOSED = problem_type("fee-not-proposed", 422, "Danh mục không nêu rõ số tiền")
FEE_ASKED_ALREADY = problem_type("fee-asked-already", 409, "Mức phí này đã được yêu cầu")
FEE_SETTLED = problem_type("fee-settled", 409, "Khoản phí đã nộp hoặc đã miễn")
PAYMENT_USED = problem_type("payment-used", 409, "Khoản thanh toán đã dùng cho phí khác của hồ sơ")
STEPS_OUT_OF_ORDER = problem_type("steps-out-of-order", 422, "Thứ tự các bước không hợp lý")
NOTHING_CORRECTED = problem_type("nothing-corrected", 422, "Không có gì để đính chính")
SECOND_REQUEST = problem_type("second-request", 409, "Đã yêu cầu bổ sung một lần")
SIGNED_ALREADY = problem_type("signed-already", 409, "Bên này đã ký danh sách bàn giao")
RESULT_UNDER_WAY = problem_type("result-under-way", 409, "Kết quả đang trên đường đến nơi khác")
RESULT_ELSEWHERE = problem_type("result-elsewhere", 409, "Kết quả ở Bộ phận Một cửa khác")
NOT_TO_HAND_OVER = problem_type("not-to-hand-over", 422, "Hồ sơ không bàn giao được")
AUTHORISATION_LACKING = problem_type("authorisation-lacking", 422, "Giấy ủy quyền không cho làm việc này")
WRONG_STATE = problem_type("wrong-state", 409, "Trạng thái hồ sơ không cho phép")


def no_such_dossier() -> Problem:
    """The one answer for a dossier that isn't there and for one outside the caller's area."""
    return Problem(
        NOT_FOUND, "Không có hồ sơ này.", next_step="Kiểm tra mã hồ sơ, hoặc quyền theo đơn vị của mã truy cập."
    )


def no_such_list() -> Problem:
    """The one answer for a list that isn't there and for one outside the caller's area."""
    return Problem(NOT_FOUND, "Không có danh sách bàn giao này.", next_step="Xem GET /v1/hand-over-lists.")


def result_elsewhere(desk_code: str) -> Problem:
    """The caller's desk received the dossier, or is to hand out its result; another one has it."""
    return Problem(
        RESULT_ELSEWHERE,
        "Kết quả đang ở Bộ phận Một cửa khác, nêu trong desk_code.",
        next_step="Người nộp nhận tại đó, hoặc hai bên ký danh sách bàn giao kết quả trước.",
        desk_code=desk_code,
    )


def no_such_desk() -> Problem:
    """The desk lies outside the caller's area."""
    return Problem(
        NOT_FOUND,
        "Không có Bộ phận Một cửa này trong phạm vi của mã truy cập.",
        next_step="Dùng mã truy cập của đơn vị đó.",
    )


def _withdrawn(error: refusals.ProcedureWithdrawn) -> Problem:
    instead = f"Nộp theo thủ tục thay thế {error.successor}: {error.instead or 'xem GET /v1/procedures'}."
    return Problem(
        PROCEDURE_WITHDRAWN,
        f"Thủ tục đã bãi bỏ từ ngày {error.effective_on:%d/%m/%Y} theo {error.decision}; không nhận hồ sơ mới.",
        next_step=instead
        if error.successor
        else "Xem thủ tục đang áp dụng tại GET /v1/procedures; hồ sơ nhận trước ngày ấy thì ghi đúng received_at.",
        effective_on=error.effective_on.isoformat(),
        decision=error.decision,
        successor_code=error.successor,
    )


def _desk_ended(error: refusals.DeskEnded) -> Problem:
    return Problem(
        DESK_UNKNOWN,
        f"Bộ phận Một cửa này đã kết thúc hoạt động sau ngày {error.last_day:%d/%m/%Y}.",
        next_step="Nộp tại bộ phận khác, xem GET /v1/desks; hồ sơ nhận đến hết ngày ấy thì ghi đúng received_at.",
        last_day=error.last_day.isoformat(),
    )


def _case_unknown(error: refusals.UnknownCase) -> Problem:
    return Problem(
        CASE_UNKNOWN,
        "Trường hợp nêu trong case không có trong thủ tục.",
        next_step="Chọn một mã trong known_cases, hoặc bỏ case.",
        known_cases=error.known,
    )


def _component_unknown(error: refusals.UnknownComponent) -> Problem:
    return Problem(
        COMPONENT_UNKNOWN,
        "Có mã thành phần hồ sơ không thuộc thủ tục.",
        next_step="Xem thành phần tại GET /v1/procedures/{code}.",
        components=error.codes,
    )


def _receipt(error: refusals.ReceiptNotBelievable) -> Problem:
    return Problem(
        RECEIPT_NOT_BELIEVABLE,
        "Thời điểm đã nêu (received_at, at) ở tương lai hoặc quá xa trong quá khứ.",
        next_step="Gửi lại với thời điểm trong khoảng earliest đến latest.",
        earliest=error.earliest.astimezone(VIETNAM).isoformat(timespec="seconds"),
        latest=error.latest.astimezone(VIETNAM).isoformat(timespec="seconds"),
    )


def _needs_a_person(error: refusals.TermNeedsAPerson) -> Problem:
    return Problem(
        TERM_NEEDS_A_PERSON,
        "Thời hạn công bố của thủ tục không tính được thành ngày.",
        next_step="Gửi lại với promised: due_at và reason do cán bộ ấn định; hoặc nộp không kèm acceptance.",
        reason=error.reason,
    )


def _wrong_state(error: refusals.WrongState) -> Problem:
    possible = ", ".join(error.possible) or "không có bước nào"
    return Problem(
        WRONG_STATE,
        f"Hồ sơ đang ở trạng thái {error.state}.",
        next_step=f"Có thể thực hiện: {possible}.",
        state=error.state,
        possible=error.possible,
    )


_ACTS: Mapping[str, str] = {
    "submit": "nộp hồ sơ", "supplement": "bổ sung hồ sơ", "withdraw": "rút hồ sơ", "collect": "nhận kết quả",
}  # fmt: skip


def _authorisation(error: refusals.AuthorisationLacking) -> Problem:
    wants = _ACTS[error.act]
    told = {
        "expired": f"Giấy ủy quyền hết hiệu lực sau ngày {error.last_day:%d/%m/%Y}." if error.last_day else "",
        "not-yet-valid": f"Giấy ủy quyền có hiệu lực từ ngày {error.valid_from:%d/%m/%Y}." if error.valid_from else "",
        "unreadable": "Chưa mở được niêm phong của giấy ủy quyền đã ghi khi nộp hồ sơ.",
        "out-of-scope": f"Giấy ủy quyền không ghi việc {wants}.",
    }
    return Problem(
        AUTHORISATION_LACKING,
        told[error.lack],
        next_step=(
            f"Người nộp tự {wants}, hoặc xuất trình giấy ủy quyền khác (proxy); nếu cán bộ hoặc lãnh đạo vẫn chấp "
            "nhận thì gửi lại kèm despite: officer và reason."
        ),
        lack=error.lack,
        valid_from=error.valid_from and error.valid_from.isoformat(),
        last_day=error.last_day and error.last_day.isoformat(),
    )


_PROBLEMS: Problems = {
    refusals.NoSuchDossier: lambda _: no_such_dossier(),
    refusals.UnknownProcedure: lambda _: Problem(
        PROCEDURE_UNKNOWN, "Mã thủ tục không có trong danh mục.", next_step="Xem GET /v1/procedures."
    ),
    refusals.ProcedureWithdrawn: _withdrawn,
    refusals.NoAgencyKind: lambda _: Problem(
        AGENCY_KIND_UNKNOWN,
        "Phiên bản đã công bố của thủ tục không cho biết loại cơ quan giải quyết, nên chưa có nơi để chuyển hồ sơ.",
        next_step="Người quản lý danh mục thêm mục «Loại cơ quan giải quyết» vào nội dung công bố rồi nhập lại.",
    ),
    refusals.UnknownDesk: lambda _: Problem(
        DESK_UNKNOWN, "Mã Bộ phận Một cửa không có trong danh mục.", next_step="Xem GET /v1/desks."
    ),
    refusals.DeskEnded: _desk_ended,
    refusals.UnknownTerritory: lambda _: Problem(
        TERRITORY_UNKNOWN,
        "Mã territory không phải mã xã hay mã tỉnh hiện hành.",
        next_step="Sửa mã theo danh mục đơn vị hành chính rồi gửi lại; địa bàn của Bộ phận Một cửa thì bỏ territory.",
    ),
    refusals.UnknownCase: _case_unknown,
    refusals.UnknownLeg: lambda error: Problem(
        LEG_UNKNOWN,
        "Phần việc nêu trong leg không có trong phiên bản thủ tục của hồ sơ.",
        next_step="Chọn một mã trong known_legs, hoặc bỏ leg.",
        known_legs=error.known,
    ),
    refusals.UnknownComponent: _component_unknown,
    refusals.ReceiptNotBelievable: _receipt,
    refusals.TermNeedsAPerson: _needs_a_person,
    refusals.TermIsComputed: lambda _: Problem(
        TERM_IS_COMPUTED,
        "Thủ tục có thời hạn tính được; cán bộ không ấn định ngày khác.",
        next_step="Gửi lại không kèm promised.",
    ),
    refusals.PromiseBeforeReceipt: lambda _: Problem(
        PROMISE_BEFORE_RECEIPT,
        "promised.due_at phải sau thời điểm bắt đầu tính thời hạn.",
        next_step="Sửa ngày hẹn trả rồi gửi lại.",
    ),
    refusals.DatesOutOfOrder: lambda error: Problem(
        DATES_OUT_OF_ORDER,
        f"{error.earlier} muộn hơn {error.later}.",
        next_step="Sửa ngày theo sổ rồi gửi lại.",
        fields=[error.earlier, error.later],
    ),
    refusals.OldDossierDiffers: lambda error: Problem(
        OLD_DOSSIER_DIFFERS,
        "Số này của sổ đã nhập với nội dung khác; không có gì được ghi đè.",
        next_step="So lại với sổ; nếu là hồ sơ khác thì dùng số khác.",
        fields=error.fields,
    ),
    refusals.FormTooLarge: lambda _: _too_large(),
    EventTooLarge: lambda _: _too_large(),
    refusals.WrongState: _wrong_state,
    refusals.DecisionExists: lambda _: Problem(
        DECISION_EXISTS,
        "Đã có kết quả giải quyết nên không rút, không dừng được nữa.",
        next_step="Trả kết quả cho người nộp: POST /v1/dossiers/{id}/return-result.",
    ),
    refusals.FeeNotBelievable: lambda error: Problem(
        FEE_NOT_BELIEVABLE,
        "Số tiền là số nguyên đồng, lớn hơn 0 và không quá mức most.",
        next_step="Kiểm tra số tiền rồi gửi lại; không thu thì đừng yêu cầu nộp.",
        most=error.most,
    ),
    refusals.NoSuchFee: lambda _: Problem(
        FEE_UNKNOWN, "Hồ sơ không có khoản phí mang số này.", next_step="Xem life.fees tại GET /v1/dossiers/{id}."
    ),
    refusals.NoSuchProposal: lambda _: Problem(
        PROPOSAL_UNKNOWN,
        "Phiên bản thủ tục của hồ sơ không có dòng phí mang mã này cho hình thức nộp và trường hợp của hồ sơ.",
        next_step="Xem GET /v1/dossiers/{id}/proposed-fees.",
    ),
    refusals.FeeNotProposed: lambda error: Problem(
        FEE_NOT_PROPOSED,
        "Dòng phí này không nêu số tiền chắc chắn, nên hệ thống không tự đề xuất con số.",
        next_step="Cán bộ xác định số tiền rồi gửi POST /v1/dossiers/{id}/fees; không thu thì không cần làm gì.",
        doubt=error.doubt,
    ),
    refusals.FeeAskedAlready: lambda error: Problem(
        FEE_ASKED_ALREADY,
        "Hồ sơ này đã được yêu cầu nộp theo đúng dòng phí đó.",
        next_step="Xem khoản phí mang số fee trong life.fees; khoản khác thì yêu cầu bằng POST /v1/dossiers/{id}/fees.",
        fee=error.fee,
    ),
    refusals.FeeSettled: lambda _: Problem(
        FEE_SETTLED,
        "Khoản phí này đã được nộp bằng thanh toán khác, hoặc đã miễn.",
        next_step="Xem life.fees tại GET /v1/dossiers/{id}; thu thừa thì hoàn trả ngoài hệ thống.",
    ),
    refusals.PaymentUsed: lambda _: Problem(
        PAYMENT_USED,
        "Mã thanh toán này đã ghi cho khoản phí khác của hồ sơ.",
        next_step="Kiểm tra mã thanh toán trên chứng từ.",
    ),
    refusals.NothingCorrected: lambda _: Problem(
        NOTHING_CORRECTED,
        "Nội dung gửi đến không khác nội dung đang lưu.",
        next_step="Gửi contact, applicant, case hoặc components với giá trị đúng.",
    ),
    refusals.SecondRequest: lambda error: Problem(
        SECOND_REQUEST,
        "Việc yêu cầu bổ sung ở giai đoạn này đã thực hiện một lần; yêu cầu thêm cần lãnh đạo đồng ý.",
        next_step="Gửi lại với superior: officer và reason của lãnh đạo; hoặc giải quyết trên hồ sơ hiện có.",
        stage=error.stage,
    ),
    refusals.AuthorisationLacking: _authorisation,
    refusals.NoSuchList: lambda _: no_such_list(),
    refusals.NothingToSend: lambda _: Problem(
        NOT_TO_HAND_OVER,
        "Không kết quả nào của danh sách còn ở Bộ phận Một cửa này.",
        next_step="Lập danh sách mới theo GET /v1/desks/{code}/results?where=to-send.",
    ),
    refusals.ResultUnderWay: lambda _: Problem(
        RESULT_UNDER_WAY,
        "Kết quả đã rời nơi tiếp nhận và nơi nhận chưa ký danh sách bàn giao.",
        next_step="Nơi nhận kết quả ký danh sách (POST /v1/hand-over-lists/{id}/sign, side agency) rồi trả kết quả.",
    ),
    refusals.ResultHasLeft: lambda _: Problem(
        RESULT_ELSEWHERE,
        "Kết quả đã rời nơi tiếp nhận nên không đổi nơi nhận được nữa.",
        next_step="Người nộp nhận tại nơi đã chọn: xem life.result_desk tại GET /v1/dossiers/{id}.",
    ),
    refusals.SignedAlready: lambda _: Problem(
        SIGNED_ALREADY, "Chữ ký của bên này đã được ghi.", next_step="Xem GET /v1/hand-over-lists/{id}."
    ),
    refusals.StepsOutOfOrder: lambda _: Problem(
        STEPS_OUT_OF_ORDER,
        "Thẩm định, phê duyệt, trả kết quả phải theo thứ tự thời gian.",
        next_step="Sửa thời điểm các bước rồi gửi lại.",
    ),
    KeyReused: lambda _: Problem(
        IDEMPOTENCY_KEY_REUSED,
        "Khóa này đã dùng cho nội dung khác.",
        next_step="Việc khác thì dùng khóa mới; gửi lặp thì giữ nguyên nội dung.",
    ),
}


def problem_of(error: Exception, own: Problems = _PROBLEMS) -> Problem | None:
    """The problem that a failure is; None for an outage or what nobody expected. `own`: refusals of one shelf alone."""
    make = own.get(type(error)) or _PROBLEMS.get(type(error))
    return None if make is None else make(error)


def _too_large() -> Problem:
    return Problem(
        BODY_TOO_LARGE,
        "Biểu mẫu quá lớn để chuyển đi.",
        next_step="Giảm nội dung form; tệp đính kèm gửi bằng liên kết.",
    )
