"""Báo lỗi khi nhập dữ liệu tham chiếu: every refusal of an import as problem details, with the next step."""

from collections.abc import Mapping

from hub_messaging.requests import KeyReused
from hub_web.problems import IDEMPOTENCY_KEY_REUSED, NOT_FOUND, SCOPE_MISSING, Problem, problem_type
from services.intake.domain.reference import reference_import as refusals

FOUR_EYES = problem_type("four-eyes", 409, "Phải do người thứ hai duyệt")
IMPORT_FAULTY = problem_type("import-faulty", 409, "Tệp nhập có lỗi")
IMPORT_DECIDED = problem_type("import-decided", 409, "Lần nhập này đã được quyết định")
IMPORT_STALE = problem_type("import-stale", 409, "Bản xem trước đã cũ")
problem_type("kind-unknown", 422, "Không có loại dữ liệu này")  # said by nobody: published once, it stays in the list
DECISION_UNSOUND = problem_type("decision-unsound", 422, "Ngày của quyết định không hợp lý")


def no_such_import() -> Problem:
    return Problem(NOT_FOUND, "Không có lần nhập này.", next_step="Xem GET /v1/directory/imports.")


def no_such_entry(what: str, where: str) -> Problem:
    return Problem(NOT_FOUND, f"Không có {what} này.", next_step=f"Xem GET {where}.")


def not_everywhere() -> Problem:
    """Reference data is for all desks: who acts for some of them only doesn't change it."""
    return Problem(
        SCOPE_MISSING,
        "Dữ liệu tham chiếu dùng chung; mã truy cập này chỉ có phạm vi một số đơn vị.",
        next_step="Dùng mã truy cập có phạm vi toàn hệ thống.",
    )


_PROBLEMS: Mapping[type[Exception], Problem] = {
    refusals.SamePerson: Problem(
        FOUR_EYES,
        "Người đã gửi tệp không tự duyệt.",
        next_step="Nhờ người khác có quyền reference:approve xem và duyệt.",
    ),
    refusals.ImportIsFaulty: Problem(
        IMPORT_FAULTY,
        "Tệp có lỗi nên không mục nào được áp dụng.",
        next_step="Sửa các chỗ nêu trong errors, gửi tệp mới.",
    ),
    refusals.AlreadyDecidedOn: Problem(
        IMPORT_DECIDED, "Lần nhập này đã duyệt hoặc đã từ chối.", next_step="Xem state và decided_by của lần nhập."
    ),
    refusals.PreviewIsStale: Problem(
        IMPORT_STALE,
        "Dữ liệu đã thay đổi từ khi xem trước; so sánh không còn đúng.",
        next_step="Gửi lại tệp để có bản xem trước mới, rồi duyệt bản đó.",
    ),
    KeyReused: Problem(
        IDEMPOTENCY_KEY_REUSED,
        "Khóa này đã dùng cho nội dung khác.",
        next_step="Việc khác thì dùng khóa mới; gửi lặp thì giữ nguyên nội dung.",
    ),
}


def problem_of(error: Exception) -> Problem | None:
    """The problem that a refused import is; None for an outage or what nobody expected."""
    if isinstance(error, refusals.NoSuchImport):
        return no_such_import()
    known = _PROBLEMS.get(type(error))
    return None if known is None else Problem(known.kind, known.detail, next_step=known.next_step)
