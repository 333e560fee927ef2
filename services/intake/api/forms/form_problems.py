"""Báo lỗi về biểu mẫu: why a form can't be drafted or issued, and what to do."""

from hub_web.problems import NOT_FOUND, UNAVAILABLE, Problem, problem_type
from services.intake.api.problems import Problems, problem_of
from services.intake.domain.forms import forms

FORM_NOT_POSSIBLE = problem_type("form-not-possible", 409, "Hồ sơ chưa đến bước lập biểu mẫu này")
FORM_INCOMPLETE = problem_type("form-incomplete", 422, "Biểu mẫu còn thiếu nội dung")
FIELD_NOT_ON_FORM = problem_type("field-not-on-form", 422, "Biểu mẫu không có trường này")
FORM_NOT_SIGNED = problem_type("form-not-signed", 503, "Chưa ký số được biểu mẫu", fault="hub")
NEW_DATE_NOT_LATER = problem_type("new-date-not-later", 422, "Ngày hẹn lại không sau ngày hẹn trước")

NOT_IN_THE_BOOK = problem_type("not-in-the-book", 422, "Mã hồ sơ không thuộc sổ này")


def form_problem(error: Exception) -> Problem | None:
    """The problem that a refusal about forms is; None for an outage or what nobody expected."""
    return problem_of(error, _PROBLEMS)


def no_such_form() -> Problem:
    """The one answer for a form that isn't there and for one outside the caller's area."""
    return Problem(NOT_FOUND, "Không có biểu mẫu này.", next_step="Xem GET /v1/dossiers/{dossier_id}/forms.")


def too_busy() -> Problem:
    """Others took each number that was printed."""
    return Problem(
        UNAVAILABLE,
        "Nhiều biểu mẫu cùng loại đang được phát hành cùng lúc.",
        next_step="Gửi lại với cùng khóa sau vài giây.",
        headers={"Retry-After": "2"},
    )


_PROBLEMS: Problems = {
    forms.FormNotPossible: lambda error: Problem(
        FORM_NOT_POSSIBLE,
        f"Chưa lập được biểu mẫu này: {error.why}.",
        next_step="Xem trạng thái tại GET /v1/dossiers/{dossier_id}.",
    ),
    forms.FormIncomplete: lambda error: Problem(
        FORM_INCOMPLETE,
        "Chưa đủ nội dung để phát hành.",
        next_step="Bổ sung các trường nêu trong missing rồi gửi lại; xem dự thảo tại …/draft.",
        missing=error.missing,
    ),
    forms.FieldNotOnForm: lambda error: Problem(
        FIELD_NOT_ON_FORM,
        "Có trường gửi kèm mà biểu mẫu này không in.",
        next_step="Bỏ các trường nêu trong fields rồi gửi lại.",
        fields=error.names,
    ),
    forms.NotSigned: lambda _: Problem(
        FORM_NOT_SIGNED,
        "Chứng thư số của cơ quan chưa có hoặc không còn hiệu lực; biểu mẫu chưa được phát hành.",
        next_step="Quản trị thay tệp INTAKE_FORM_SIGNING_KEY_FILE rồi khởi động lại; sau đó gửi lại với cùng khóa.",
        headers={"Retry-After": "600"},
    ),
    forms.NotInTheBook: lambda _: Problem(
        NOT_IN_THE_BOOK,
        "Mã hồ sơ nêu trong after không phải của Bộ phận Một cửa này.",
        next_step="Gửi lại với next_after của phần trước; bỏ after để lập phần đầu của sổ.",
    ),
    forms.NewDateNotLater: lambda _: Problem(
        NEW_DATE_NOT_LATER,
        "new_due_at phải sau ngày hẹn đang có và sau thời điểm hiện tại.",
        next_step="Sửa ngày hẹn lại rồi gửi lại.",
    ),
}
