"""Bước xử lý tại Bộ phận Một cửa: the steps that a desk records, by the code that its event carries."""

from collections.abc import Mapping
from typing import Literal

Recordable = Literal["submitted-for-signature", "signed", "appraised", "approved"]
"""Those that an officer may record; the others follow from what an officer does."""

DESK_STEPS: Mapping[str, str] = {
    "submitted-for-signature": "Trình ký",
    "signed": "Đã ký",
    "appraised": "Đã thẩm định tại chỗ",
    "approved": "Đã phê duyệt tại chỗ",
    "result-ready": "Kết quả đã về Bộ phận Một cửa",
    "result-sent": "Kết quả được chuyển đến Bộ phận Một cửa mà người nộp chọn",
    "result-arrived": "Kết quả đã đến Bộ phận Một cửa mà người nộp chọn",
    "result-place-changed": "Đổi nơi, cách nhận kết quả theo đề nghị của người nộp",
    "fee-asked": "Yêu cầu nộp phí, lệ phí",
    "fee-waived": "Miễn nộp phí, lệ phí",
    "authorisation-accepted": "Chấp nhận giấy ủy quyền chưa hợp lệ",
    "late-entry": "Nhập vào hệ thống sau ngày nhận",
}
