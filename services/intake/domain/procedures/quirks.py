"""Lý do đánh dấu và từ chối: what a person should look at in a published procedure, and what can't be taken.

Refused is only what can't be identified or told apart; everything else is published as it stands, and flagged. The
slugs are stable: other programs count by them. Why: docs/decisions/0018-importing-published-procedures.md.
"""

from collections.abc import Mapping
from typing import NamedTuple

FLAGS: Mapping[str, str] = {
    "not-nfc": "Chữ ở dạng tổ hợp rời (không phải NFC); đã lưu ở dạng NFC.",
    "encoding-not-utf-8": "Tệp không phải UTF-8; đã đọc theo dấu hiệu bảng mã ở đầu tệp.",
    "broken-letters": "Có ký tự hỏng (U+FFFD) hoặc ký tự điều khiển.",
    "markup-left": "Còn sót mã HTML trong chữ; giữ nguyên.",
    "spacing-unusual": "Có khoảng trắng đôi, khoảng trắng không ngắt hoặc xuống dòng; đã lưu với một khoảng trắng.",
    "name-in-capitals": "Tên viết hoa toàn bộ; giữ nguyên.",
    "name-too-long": "Tên dài hơn 1.000 ký tự; giấy tờ chỉ in phần đầu.",
    "code-respelled": "Mã viết có khoảng trắng, dấu thừa hoặc chữ thường; đã lưu theo cách viết chuẩn.",
    "code-provincial": "Mã có đuôi của tỉnh hoặc bộ; đã nhận ra mã gốc.",
    "code-long": "Mã ở dạng dài cũ; đã nhận ra mã gốc.",
    "code-from-above": "Hàng không ghi mã, có hình thức nộp: đã hiểu là của thủ tục ở hàng trên.",
    "code-internal": "Mã nội bộ, không phải mã của cơ sở dữ liệu quốc gia.",
    "key-missing": "Thiếu mục.",
    "key-unknown": "Mục không có trong mẫu công bố; không được lưu.",
    "key-repeated": "Mục có hai lần; chỉ một lần được dùng.",
    "level-unknown": "Không đọc được cấp thực hiện.",
    "level-unreliable": "Cấp Xã ghi cho thuế, hải quan hoặc kho bạc: thường là sai.",
    "online-level-unknown": "Không đọc được mức độ dịch vụ công trực tuyến.",
    "online-level-old": "Mức độ ghi theo cách cũ (3, 4); đã hiểu là một phần, toàn trình.",
    "agency-not-stated": "Không nêu cơ quan thực hiện.",
    "agency-unknown": "Không suy ra được loại cơ quan giải quyết: chưa nộp được hồ sơ theo bản này.",
    "agency-ambiguous": "Nhiều loại cơ quan thực hiện: chưa nộp được hồ sơ theo bản này.",
    "agency-kind-unreadable": "Loại cơ quan giải quyết ghi trong tệp không phải một mã.",
    "agency-kind-unrouted": "Chưa có quy tắc thẩm quyền cho loại cơ quan này: nhận được hồ sơ, chưa chuyển đi được.",
    "cooperating-agency": "Có cơ quan phối hợp không xác định được; hồ sơ không chuyển đến cơ quan ấy.",
    "channel-unknown": "Không đọc được hình thức nộp; dòng này không dùng để tiếp nhận.",
    "channel-repeated": "Một hình thức nộp có nhiều dòng; giữ thành các trường hợp riêng.",
    "terms-differ-by-channel": "Thời hạn khác nhau theo hình thức nộp.",
    "term-empty": "Không ghi thời hạn.",
    "term-not-stated": "Ghi là không có thông tin hoặc không quy định thời hạn.",
    "term-other": "Thời hạn chỉ ghi OTHER.",
    "term-zero-other": "Thời hạn ghi 0 OTHER.",
    "term-see-description": "Thời hạn ghi là theo mô tả.",
    "term-fixed-date": "Thời hạn là một ngày cố định.",
    "term-needs-a-person": "Thời hạn không đọc được chắc chắn; cán bộ ấn định ngày hẹn trả.",
    "term-unreadable": "Thời hạn hỏng.",
    "term-in-description": "Thời hạn đọc được nằm ở Mô tả, không ở dòng thời hạn; chưa dùng để tính.",
    "term-in-steps": "Thời hạn đọc được nằm ở Trình tự thực hiện, không ở dòng thời hạn; chưa dùng để tính.",
    "term-contradicts-description": "Thời hạn ở Mô tả khác thời hạn của dòng; tính theo dòng.",
    "fee-not-stated": "Không nêu phí, lệ phí.",
    "fee-in-words": "Phí, lệ phí viết bằng lời, không có số tiền.",
    "fee-set-locally": "Phí, lệ phí do địa phương quy định.",
    "fee-suspiciously-small": "Số tiền nhỏ hơn 1.000 đồng: có thể thiếu ba số không; giữ nguyên.",
    "fee-contradicts-words": "Số tiền khác với lời kèm theo (0 đồng mà lời nói có phí); giữ nguyên, không tự đề xuất.",
    "fee-unreadable": "Không đọc được số tiền.",
    "components-not-stated": "Không nêu thành phần hồ sơ.",
    "component-counts-missing": "Thành phần hồ sơ không ghi số lượng.",
    "component-heading": "Tiêu đề trong thành phần hồ sơ không nêu một trường hợp có giấy tờ; không được lưu.",
    "component-nameless": "Dòng thành phần hồ sơ không có tên; không được lưu.",
    "count-unusual": "Số lượng lớn hơn 1.000, hoặc không phải một số.",
    "basis-unreadable": "Căn cứ pháp lý không có số hiệu đọc được.",
    "expired-basis": "Căn cứ pháp lý đã hết hiệu lực.",
    "process-step-unreadable": "Bước của quy trình nội bộ không đọc được thời gian.",
    "process-shares-differ": "Tổng thời gian các bước khác thời hạn giải quyết.",
    "procedure-withdrawn": "Thủ tục đã có quyết định bãi bỏ; nhập lại cùng nội dung không công bố lại.",
    "published-again": "Thủ tục đã bãi bỏ; nội dung mới này công bố lại thủ tục.",
    "withdrawal-covers-version": "Thủ tục sắp bãi bỏ; phiên bản mới này cũng hết hiệu lực từ ngày đó.",
    "repeated-in-run": "Cùng nội dung với một tệp khác trong lần nhập này.",
    "more-reasons": "Danh sách lý do được rút gọn.",
    "sheet-left-out": "Trang tính bị ẩn hoặc không có cột «Mã thủ tục»; không được đọc.",
    "row-refused": "Một thủ tục trong tệp không nhập được.",
    "decision-not-stated": "Không nêu số quyết định công bố.",
    "steps-not-stated": "Không nêu trình tự thực hiện.",
    "applicants-not-stated": "Không nêu đối tượng thực hiện.",
    "bases-not-stated": "Không nêu căn cứ pháp lý.",
    "result-not-stated": "Không nêu kết quả thực hiện.",
    "field-not-stated": "Không nêu lĩnh vực.",
}
REFUSALS: Mapping[str, str] = {
    "hub-error": "Lỗi của hệ thống khi đọc tệp này; báo đơn vị vận hành.",
    "empty": "Tệp rỗng.",
    "too-large": "Tệp quá lớn.",
    "unreadable-bytes": "Không đọc được tệp.",
    "format-unknown": "Không phải .txt, .md, .json, .csv hoặc .xlsx.",
    "not-a-procedure": "Không phải nội dung công bố một thủ tục hành chính.",
    "code-missing": "Không có mã thủ tục.",
    "code-invalid": "Mã không phải mã thủ tục.",
    "several-codes": "Một thủ tục có hai mã khác nhau.",
    "name-missing": "Không có tên thủ tục.",
    "channel-missing": "Không có hình thức nộp nào.",
    "procedure-too-large": "Thủ tục dài hơn 500.000 byte: không gửi được cho các hệ thống khác trong một bản tin.",
    "formula-without-value": "Ô là công thức chưa tính hoặc lỗi; mở bằng phần mềm bảng tính, sửa và lưu lại.",
    "cells-without-column": "Hàng có nhiều ô hơn hàng tiêu đề; kiểm tra dấu phân cách trong hàng này.",
    "rows-contradict": "Các hàng của cùng một mã thủ tục mâu thuẫn nhau.",
    "code-twice-in-run": "Mã này đã có trong lần nhập này với nội dung khác.",
}


class Reason(NamedTuple):
    """Lý do: a stable slug, the place (line, row or field) and words for a person."""

    slug: str
    place: str
    text: str


class NotPublishable(Exception):
    """The procedure can't be identified or told apart."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.slug)
        self.reason = reason


def flag(slug: str, place: str, more: str = "") -> Reason:
    """A reason to look at what is published."""
    return Reason(slug, place, f"{FLAGS[slug]} {more}".strip())


def refusal(slug: str, place: str, more: str = "") -> NotPublishable:
    """Why something can't be published, to be raised."""
    return NotPublishable(Reason(slug, place, f"{REFUSALS[slug]} {more}".strip()))
