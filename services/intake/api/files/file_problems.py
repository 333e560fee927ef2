"""Báo lỗi về tệp: every refusal of an upload or download as problem details, with the next step."""

from collections.abc import Mapping

from hub_web.problems import NOT_FOUND, Problem, problem_type
from services.intake.api.problems import Problems, problem_of
from services.intake.domain.files import file_refusals as refusals
from services.intake.domain.files.file_kinds import KINDS

KIND_REFUSED = problem_type("file-kind-refused", 422, "Loại tệp không được nhận")
TOO_LARGE = problem_type("file-too-large", 413, "Tệp quá lớn")
TOO_MANY = problem_type("too-many-files", 409, "Hồ sơ có quá nhiều tệp")
UPLOAD_OVER = problem_type("upload-refused", 410, "Lượt tải lên đã bị từ chối")
OFFSET_ELSEWHERE = problem_type("upload-offset-elsewhere", 409, "Đoạn gửi không nối tiếp phần đã nhận")
MORE_THAN_DECLARED = problem_type("more-than-declared", 422, "Nhiều byte hơn kích thước đã khai")
TOO_MANY_CHUNKS = problem_type("too-many-chunks", 422, "Tệp bị chia thành quá nhiều đoạn")
CONTENT_DIFFERS = problem_type("content-differs", 422, "Nội dung tệp không khớp SHA-256 đã khai")
LINK_OVER = problem_type("link-over", 410, "Đường dẫn tải đã hết hiệu lực")
INFECTED = problem_type("file-infected", 403, "Tệp có mã độc")
NOT_SCANNED = problem_type("file-not-scanned", 409, "Tệp đang chờ quét mã độc")
ANOTHER_PERSON = problem_type("another-person", 422, "Hai hồ sơ không cùng người nộp")
STORAGE_FULL = problem_type("storage-full", 507, "Hết chỗ lưu tệp", fault="hub")
STORAGE_AWAY = problem_type("storage-unavailable", 503, "Nơi lưu tệp tạm thời không phục vụ", fault="hub")
DAMAGED = problem_type("file-damaged", 500, "Tệp lưu bị hỏng", fault="hub")
RANGE_NOT_THERE = problem_type("range-not-there", 416, "Phần yêu cầu nằm ngoài tệp")
TUS_VERSION = problem_type("tus-version", 412, "Phiên bản giao thức tus không được hỗ trợ")

TUS = "1.0.0"
_KNOWN = ", ".join(kind.name for kind in KINDS)
_MISTAKES: Mapping[refusals.KindMistake, str] = {
    "type": "media_type không thuộc các loại được nhận.",
    "extension": "Phần mở rộng của name không đúng với media_type.",
    "content": "Nội dung tệp không phải loại đã khai ở media_type.",
    "macros": "Tệp có chứa macro.",
}


def no_such_upload() -> Problem:
    """The one answer for an upload that isn't there, is over, or lies outside the caller's area."""
    return Problem(
        NOT_FOUND,
        "Không có lượt tải lên này, hoặc đã quá hạn.",
        next_step="Bắt đầu lại bằng POST /v1/dossiers/{id}/files với Idempotency-Key mới.",
    )


def no_such_file() -> Problem:
    """The one answer for a file that isn't there and for one outside the caller's area."""
    return Problem(
        NOT_FOUND,
        "Không có tệp này.",
        next_step="Xem GET /v1/dossiers/{id}/files, hoặc quyền theo đơn vị của mã truy cập.",
    )


def no_such_link() -> Problem:
    """The link isn't one of ours to this file."""
    return Problem(NOT_FOUND, "Không có đường dẫn này.", next_step="Xin bộ phận giữ hồ sơ một đường dẫn mới.")


def _kind(error: refusals.KindRefused) -> Problem:
    return Problem(
        KIND_REFUSED,
        _MISTAKES[error.mistake],
        next_step=f"Gửi tệp thuộc một trong các loại: {_KNOWN}; tên, media_type và nội dung phải khớp nhau.",
        mistake=error.mistake,
        kinds=[kind.name for kind in KINDS],
    )


def _offset(error: refusals.OffsetElsewhere) -> Problem:
    return Problem(
        OFFSET_ELSEWHERE,
        f"Đã nhận {error.received} byte.",
        next_step="Hỏi lại bằng HEAD rồi gửi tiếp từ Upload-Offset.",
        headers={"Upload-Offset": str(error.received), "Tus-Resumable": TUS},
        offset=error.received,
    )


_PROBLEMS: Problems = {
    refusals.KindRefused: _kind,
    refusals.FileTooLarge: lambda error: Problem(
        TOO_LARGE,
        f"Mỗi tệp nhiều nhất {error.most} byte.",
        next_step="Giảm độ phân giải khi quét hoặc tách thành nhiều tệp.",
        limit_bytes=error.most,
    ),
    refusals.TooManyFiles: lambda error: Problem(
        TOO_MANY,
        f"Mỗi hồ sơ nhiều nhất {error.most} tệp.",
        next_step="Gộp các trang vào một tệp PDF.",
        limit=error.most,
    ),
    refusals.NoSuchUpload: lambda _: no_such_upload(),
    refusals.UploadRefused: lambda _: Problem(
        UPLOAD_OVER,
        "Nội dung đã gửi không đúng với khai báo và đã bị xóa.",
        next_step="Kiểm tra tệp rồi bắt đầu lại bằng POST /v1/dossiers/{id}/files với Idempotency-Key mới.",
    ),
    refusals.OffsetElsewhere: _offset,
    refusals.MoreThanDeclared: lambda error: Problem(
        MORE_THAN_DECLARED,
        f"Tệp được khai {error.size} byte; đoạn này vượt quá và không được giữ.",
        next_step="Hỏi lại bằng HEAD rồi gửi đúng phần còn lại.",
        size=error.size,
    ),
    refusals.TooManyChunks: lambda error: Problem(
        TOO_MANY_CHUNKS,
        f"Mỗi tệp nhiều nhất {error.most} đoạn.",
        next_step="Gửi các đoạn lớn hơn, tốt nhất 1 đến 8 MB.",
        limit=error.most,
    ),
    refusals.ContentDiffers: lambda _: Problem(
        CONTENT_DIFFERS,
        "Các byte nhận được có SHA-256 khác với sha256; không byte nào được giữ.",
        next_step="Tính lại SHA-256 của tệp rồi bắt đầu lại bằng POST /v1/dossiers/{id}/files với Idempotency-Key mới.",
    ),
    refusals.NoSuchFile: lambda _: no_such_file(),
    refusals.NoSuchLink: lambda _: no_such_link(),
    refusals.LinkOver: lambda _: Problem(
        LINK_OVER, "Đường dẫn đã quá hạn hoặc đã bị thu hồi.", next_step="Xin bộ phận giữ hồ sơ một đường dẫn mới."
    ),
    refusals.FileInfected: lambda _: Problem(
        INFECTED,
        "Bộ quét tìm thấy mã độc; tệp được giữ lại và không giao cho ai.",
        next_step="Đề nghị người nộp gửi lại tệp sạch.",
    ),
    refusals.NotScannedYet: lambda _: Problem(
        NOT_SCANNED,
        "Bộ quét chưa xem tệp này.",
        next_step="Thử lại sau ít giây; nếu kéo dài, báo đơn vị vận hành kiểm tra bộ quét.",
        headers={"Retry-After": "5"},
    ),
    refusals.AnotherPerson: lambda _: Problem(
        ANOTHER_PERSON,
        "Hai hồ sơ không có cùng số định danh cá nhân hay mã tổ chức của người nộp.",
        next_step="Tải tệp lên như tệp mới.",
    ),
    refusals.StorageFull: lambda _: Problem(
        STORAGE_FULL,
        "Không còn chỗ để lưu; đoạn này không được giữ, các đoạn trước vẫn còn.",
        next_step="Báo đơn vị vận hành tăng dung lượng; sau đó HEAD và gửi tiếp.",
    ),
    refusals.StorageAway: lambda _: Problem(
        STORAGE_AWAY,
        "Nơi lưu tệp không trả lời.",
        next_step="Thử lại sau ít giây; với tải lên, HEAD rồi gửi tiếp.",
        headers={"Retry-After": "5"},
    ),
    refusals.FileDamaged: lambda _: Problem(
        DAMAGED,
        "Các byte lưu không còn là các byte đã nhận.",
        next_step="Báo đơn vị vận hành khôi phục nơi lưu tệp từ bản sao lưu.",
    ),
    refusals.RangeNotThere: lambda error: Problem(
        RANGE_NOT_THERE,
        f"Tệp có {error.size} byte.",
        next_step="Yêu cầu phần nằm trong tệp.",
        headers={"Content-Range": f"bytes */{error.size}"},
    ),
}


def file_problem_of(error: Exception) -> Problem | None:
    """The problem that a failure is; None for an outage or what nobody expected."""
    return problem_of(error, _PROBLEMS)
