"""Báo lỗi khi bãi bỏ thủ tục: every refusal as problem details, with the next step."""

from hub_web.problems import NOT_FOUND, Problem, problem_type
from services.intake.api import problems
from services.intake.api.reference.reference_problems import FOUR_EYES
from services.intake.domain.procedures import withdrawal as refusals

WITHDRAWAL_DECIDED = problem_type("withdrawal-decided", 409, "Đề nghị bãi bỏ không ở bước này")
WITHDRAWAL_PAST = problem_type("withdrawal-in-the-past", 422, "Ngày bãi bỏ đã qua")
WITHDRAWN_ALREADY = problem_type("withdrawn-already", 409, "Thủ tục đã có quyết định bãi bỏ")
SUCCESSOR_UNSOUND = problem_type("successor-unsound", 422, "Thủ tục thay thế không hợp lệ")


def no_such_withdrawal() -> Problem:
    return Problem(NOT_FOUND, "Không có đề nghị bãi bỏ này.", next_step="Xem GET /v1/catalogue/withdrawals.")


def problem_of(error: Exception) -> Problem | None:
    """The problem that a refused withdrawal is; None for an outage or what nobody expected."""
    return problems.problem_of(error, _PROBLEMS)


_PROBLEMS: problems.Problems = {
    refusals.NoSuchWithdrawal: lambda _: no_such_withdrawal(),
    refusals.ProposedByThemselves: lambda _: Problem(
        FOUR_EYES,
        "Người đề nghị bãi bỏ không tự quyết định.",
        next_step="Nhờ người khác có quyền reference:approve xem và quyết định.",
    ),
    refusals.WithdrawalDecided: lambda error: Problem(
        WITHDRAWAL_DECIDED,
        f"Đề nghị đang ở trạng thái {error.state}.",
        next_step="Xem state và decided_by tại GET /v1/catalogue/withdrawals.",
        state=error.state,
    ),
    refusals.DayHasPassed: lambda error: Problem(
        WITHDRAWAL_PAST,
        "Không bãi bỏ lùi ngày: từ ngày ấy đến nay đã có thể nhận hồ sơ.",
        next_step="Gửi đề nghị với effective_on từ hôm nay (today) trở đi.",
        today=error.today.isoformat(),
    ),
    refusals.WithdrawnAlready: lambda _: Problem(
        WITHDRAWN_ALREADY,
        "Phiên bản mới nhất của thủ tục đã có ngày bãi bỏ theo quyết định khác.",
        next_step="Xem withdrawn tại GET /v1/procedures/{code}; nhập nhầm thì hủy việc bãi bỏ ấy (take-back) trước.",
    ),
    refusals.SuccessorUnsound: lambda _: Problem(
        SUCCESSOR_UNSOUND,
        "Thủ tục thay thế chưa công bố, cũng bị bãi bỏ, hoặc chính là thủ tục này.",
        next_step="Sửa successor_code theo GET /v1/procedures, hoặc bỏ trường này.",
    ),
}
