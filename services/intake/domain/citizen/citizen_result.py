"""Nhận kết quả, in words for its owner: where it is, and where and how to get it. Nobody is sent to a desk in vain."""

from services.intake.domain.catalogue import Desk
from services.intake.domain.citizen.plain_words import plain, time_of
from services.intake.domain.desk.life import Life
from services.intake.domain.forms.money import dong
from services.intake.domain.standing import Standing

BRING = "Mang theo giấy tiếp nhận hồ sơ và giấy tờ tùy thân. Người nhận thay mang thêm giấy ủy quyền còn hiệu lực."
_CHOSEN = "Bộ phận Một cửa ông/bà đã chọn"


def result_place(life: Life, desk: str, other: Desk | None) -> str | None:
    """Where the result is; `desk`: the receiving one, `other`: where it is wanted. None: no desk has it yet."""
    there = _name(other)
    if life.returned_at is not None:
        returned_by = there if life.result_arrived_at is not None else desk
        return f"{returned_by} đã trả kết quả lúc {time_of(life.returned_at)}."
    if life.result_arrived_at is not None:
        return f"Kết quả có tại {there} từ {time_of(life.result_arrived_at)}."
    if life.result_sent_at is not None:
        return f"Kết quả đang được chuyển từ {desk} đến {there}, từ {time_of(life.result_sent_at)}."
    if life.result_ready_at is None:
        return None
    onwards = f", sẽ được chuyển đến {there}" if life.wanted_at is not None else ""
    return f"Kết quả có tại {desk} từ {time_of(life.result_ready_at)}{onwards}."


def how_to_collect(standing: Standing, desk: str, other: Desk | None) -> tuple[str, ...]:
    """What to do for the result, in the order in which to do it."""
    rejected = ("Hồ sơ không được chấp thuận. Lý do ghi trong văn bản kết quả.",)
    before = rejected if standing.progress.result == "rejected" else ()
    return (*before, _way(standing, desk, other))


def how_to_pay(standing: Standing, desk: str, other: Desk | None) -> tuple[str, ...]:
    """What is owed and why, where to pay it, and then how to get the result if there is one."""
    life = standing.life
    place = _name(other) if life.result_arrived_at is not None else desk
    due = dong(sum(fee.amount for fee in life.open_fees))
    pay = f"Nộp {due} phí, lệ phí tại {place}, hoặc theo cách mà Bộ phận Một cửa đã hướng dẫn."
    bases = dict.fromkeys(plain(fee.basis) for fee in life.open_fees if fee.basis)
    why = tuple(f"Mức công bố của thủ tục: “{basis}”." for basis in bases)
    return (pay, *why, *(how_to_collect(standing, desk, other) if standing.decided else ()))


def _way(standing: Standing, desk: str, other: Desk | None) -> str:
    dossier, _, life = standing
    if life.result_arrived_at is not None:
        return f"Nhận kết quả tại {_name(other)}. {BRING}"
    if life.wanted_at is not None:
        return f"Kết quả chưa đến {_name(other)}, nơi ông/bà chọn nhận. Hãy xem lại trang này trước khi đi."
    if life.result_by == "post":
        return "Kết quả được gửi qua bưu chính đến địa chỉ ông/bà đã đăng ký; ông/bà không cần đến nhận."
    if life.result_by == "electronic":
        return "Kết quả điện tử được gửi theo cách ông/bà đã đăng ký; ông/bà không cần đến nhận."
    otherwise = ", hoặc theo cách ông/bà đã chọn khi nộp hồ sơ"
    at_once = dossier.channel == "counter" or life.result_by is not None
    return f"Nhận kết quả tại {desk}{'' if at_once else otherwise}. {BRING}"


def _name(desk: Desk | None) -> str:
    return plain(desk.ref.name) if desk else _CHOSEN
