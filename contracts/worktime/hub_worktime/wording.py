"""Đọc thời hạn từ văn bản đã công bố.

A text is understood only as a whole: one length, known words around it, and sentences beside it that say nothing about
time. Anything else is left to a person, never guessed. The judgement calls are in docs/decisions/0011-reading-terms.md.
"""

import re
import unicodedata
from dataclasses import replace
from datetime import time
from decimal import Decimal
from functools import lru_cache

from hub_worktime.terms import Reason, Term, Unit

# A century: no law gives more, so a longer one is a typing error.
_LONGEST = {
    Unit.WORKING_DAY: 36_525,
    Unit.CALENDAR_DAY: 36_525,
    Unit.WORKING_HOUR: 36_525 * 24,
    Unit.MONTH: 1_200,
    Unit.YEAR: 100,
}
_LONGEST_TEXT = 10_000  # characters; the longest published term has fewer than 4,000


def _number_words() -> dict[str, str]:
    ones = ["", "một", "hai", "ba", "bốn", "năm", "sáu", "bảy", "tám", "chín"]
    words = {word: str(number) for number, word in enumerate(ones) if word}
    words |= {f"mười {word}": str(10 + number) for number, word in enumerate(ones) if word}
    words |= {"mười": "10", "mười lăm": "15", "bẩy": "7", "tư": "4", "nửa": "0.5"}
    for tens in range(2, 10):
        stem = f"{ones[tens]} mươi"
        words[stem] = str(tens * 10)
        words |= {f"{stem} {word}": str(tens * 10 + number) for number, word in enumerate(ones) if word}
        words |= {f"{stem} {word}": str(tens * 10 + digit) for word, digit in (("mốt", 1), ("tư", 4), ("lăm", 5))}
    return words


_NUMBER_WORDS = _number_words()
_WORD = r"[^\W\d_]+"
_DIGITS = r"[0-9]+(?:[.,][0-9]+)?|[0-9]{1,2} ?[/⁄] ?[0-9]{1,2}"
_NUMBER = _DIGITS + "|" + "|".join(sorted(_NUMBER_WORDS, key=len, reverse=True))

_LEAD = (
    r"(?>(?:thời hạn|thời gian|thủ tục hành chính|thủ tục|giải quyết|xử lý|thực hiện|trả kết quả|trả|cấp|tối đa"
    r"|không quá|không vượt quá|chậm nhất|muộn nhất|lâu nhất|nhiều nhất|trong vòng|trong(?! (?:cùng )?ngày)|là|≤|<=)"
    r"(?!\w)[ :,]*)*"
)
# What the term is counted from. Only the receipt of the dossier: any other event is one that the hub doesn't see.
_RECEIPT = (
    r"(?:(?:tiếp )?nhận|nộp)(?: được| đủ| đầy đủ)*(?: (?:bộ )?hồ sơ(?:, tài liệu|, giấy tờ)?| đơn| tờ khai| yêu cầu)"
    rf"(?: {_WORD}){{0,8}}"
    r"(?:,? (?:và )?(?:đầy đủ|hợp lệ|chính xác|đúng quy định|theo quy định))*"
)
_OFFICE = (
    r"(?: (?:cơ quan, tổ chức|cơ quan|bộ phận|trung tâm|ủy ban|uỷ ban|ubnd|sở|phòng|công an|chi cục)"
    rf"(?: {_WORD}){{0,8}}?)?"
)
_START = (
    rf",? ?\(?(?:(?:được )?(?:tính )?(?:kể )?từ|sau)(?: ngày làm việc| ngày| khi| lúc| thời điểm)*{_OFFICE}"
    rf" (?:{_RECEIPT}|tiếp nhận|nhận)\)?"
)
_EXCEPTION = re.compile(
    r"(?<!\w)(?:trừ|không tính|không kể|không bao gồm|chưa tính|chưa kể|chưa bao gồm|cộng|tăng|thêm|hoặc|kết thúc"
    r"|thẩm định|ý kiến|lệ phí|phí|kiểm tra|xác minh|bổ sung|văn bản)(?!\w)"
)
_CONDITION = re.compile(r"(?<!\w)(?:trường hợp|đối với|nếu)(?!\w)")
_SPEAKS_OF_TIME = re.compile(
    r"[0-9]|(?<!\w)(?:ngày|giờ|phút|tuần|tháng|quý|năm|làm việc|thời hạn|thời gian|trường hợp|đối với|nếu|riêng|trừ"
    r"|tăng|gia hạn|kéo dài|cộng|hoặc|tùy|tuỳ|khi|sau|trước)(?!\w)"
)

_UNITS = (
    r"(?:(?P<working_day>working[ _-]?days?|ng[àa]y (?:l[àa]m vi[ệe]c|\(làm việc\)))"
    r"|(?P<working_hour>working[ _-]?hours?|hours?|gi[ờo](?: l[àa]m vi[ệe]c| hành chính)?|tiếng|h)"
    r"|(?P<minute>minutes?|ph[úu]t(?: làm việc)?)"
    r"|(?P<calendar_day>calendar[ _-]?days?|days?|ng[àa]y(?: (?:dương )?lịch)?)"
    r"|(?P<week>weeks?|tuần)"
    r"|(?P<month>months?|th[áa]ng)"
    r"|(?P<year>years?|năm))(?!\w)"
)
_UNIT_CODES = frozenset({"working_day", "calendar_day", "day", "hour", "month", "year"})
_LENGTH = re.compile(
    rf"{_LEAD}(?P<number>{_NUMBER})(?: ?\((?P<again>[^()]{{1,30}})\))? ?(?P<unit>{_UNITS})(?P<half> rưỡi)?"
    rf"(?P<tail>{_START}| theo quy định)?"
)
_SAME_DAY = re.compile(
    rf"{_LEAD}(?:(?:ngay )?(?:trong cùng|trong|cùng) ngày(?: làm việc)?"
    rf"(?P<tail>(?: khi)?{_OFFICE} (?:{_RECEIPT}|tiếp nhận|nhận)|{_START})?|same[ _-]day)"
)
_NEXT_DAY = re.compile(rf"{_LEAD}(?:(?:trong|vào) )?ngày làm việc (?:tiếp theo|kế tiếp|liền kề)(?P<tail>)")
_IMMEDIATE = re.compile(
    rf"{_LEAD}(?:ngay(?: lập tức| tại chỗ| kết quả)*(?P<tail>(?: sau)? (?:khi|lúc) (?:{_RECEIPT}|tiếp nhận|nhận))?"
    r"|lấy ngay|tức thì|tức thời|immediate(?:ly)?)"
)
_AFTER_HOURS = (
    r"(?<!\w)sau (?P<hour>[0-9]{1,2}) ?(?:giờ|h|:)(?: ?(?P<minute>[0-9]{2})(?: ?phút)?)?(?: giờ)?(?!\w)(?! làm việc)"
)
_CUT_OFFS = (
    re.compile(
        r"(?P<core>.+?)(?: ?[;,.(] ?| (?=(?:nếu|trường hợp|đối với|riêng)(?!\w)))"
        rf"(?P<when>[^0-9;]{{0,100}}?){_AFTER_HOURS}"
        r"(?P<then>[^0-9;]{0,140}?)ngày (?:làm việc )?(?:tiếp theo|kế tiếp|liền kề|hôm sau|sau)\)?"
    ),
    re.compile(
        r"(?P<core>.+?)(?: ?[;,.])?(?: hoặc)? (?P<then>(?:trả kết quả |giải quyết |trả )?(?:(?:trong|vào) )?)"
        r"ngày làm việc (?:tiếp theo|kế tiếp|liền kề),? ?\(?"
        rf"(?P<when>(?:nếu|trường hợp|đối với|khi|với)(?!\w)[^0-9;]{{0,100}}?){_AFTER_HOURS}[^0-9;]{{0,60}}"
    ),
)
_DATE = r"(?:[0-9]{1,2}(?:/| tháng )[0-9]{1,2}(?:(?:/| năm )[0-9]{4})?|[0-9]{1,2} (?:hàng|hằng|mỗi) tháng)"
_EVERY_YEAR = r"(?: (?:hàng|hằng|mỗi) năm)?"
_FIXED_DATE = re.compile(
    rf"(?:(?:trước|vào|đến|hết|chậm nhất|muộn nhất|là|ngày|hạn) )*{_DATE}{_EVERY_YEAR}"
    rf"|[^0-9]*(?:trước|vào|đến|chậm nhất|chậm nhất là) (?:hết )?ngày {_DATE}{_EVERY_YEAR}(?:[.,;][^0-9]*)?"
)
_UNSTATED = re.compile(
    r"(?:không|chưa)(?: (?:có|quy định|nêu|xác định|ghi|cập nhật|rõ|thông tin|thời hạn|thời gian|giải quyết|cụ thể))*"
    r"|đang cập nhật|none|null|[-./ ]*"
)
_NOT_APPLICABLE = re.compile(r"không (?:phải |cần |có )?trả kết quả[^0-9]{0,80}|không áp dụng|n/a|not applicable")
_SEE_DESCRIPTION = re.compile(
    r"(?:(?:xem|theo|như|tại|chi tiết|cụ thể|ở|thời hạn|giải quyết|nêu|quy định)(?!\w)[ :]*)*"
    r"(?:trong |tại |ở )?(?:phần |mục |nội dung )?(?:mô tả|trình tự thực hiện|trình tự|cách thức thực hiện)"
    r"(?: chi tiết| thủ tục| bên dưới| ở trên| của thủ tục| kèm theo)?"
)


@lru_cache(maxsize=8192)
def parse_term(text: str) -> Term:
    """Thời hạn giải quyết from a published text such as `2.5 WORKING_DAY` or `Không quá 15 ngày kể từ …`."""
    if any(_broken(char) for char in text):
        return Term(text, reason=Reason.BAD_INPUT)
    if len(text) > _LONGEST_TEXT:
        return Term(text, reason=Reason.NEEDS_A_PERSON)
    plain = _plain(text)
    return replace(_with_cut_off(plain) or _whole(plain), text=text)


def _broken(char: str) -> bool:
    return char == "\ufffd" or (unicodedata.category(char) in ("Cc", "Cs") and not char.isspace())


def _plain(text: str) -> str:
    """One spelling: composed letters, small, single spaces, one kind of dash, no bullet in front, no `OTHER` behind."""
    visible = "".join(char for char in text if unicodedata.category(char) != "Cf")  # no zero-width characters
    plain = unicodedata.normalize("NFKC", visible).lower()
    plain = re.sub(r"[\u2010-\u2015\u2212]", "-", plain)
    plain = re.sub(r"\s*\n\s*\n\s*", ". ", plain.strip())  # an empty line ends a sentence, a line break doesn't
    plain = re.sub(r"\s+", " ", plain).strip(" \"'“”‘’")
    plain = re.sub(r"(?<!\w)(?:other|khác)$", "", plain).strip()
    return re.sub(r"^(?:[-+*•·] |[+*•·])+", "", plain).rstrip(" .,;:")


def _with_cut_off(plain: str) -> Term | None:
    """A length with "after 15:00 the next working day" behind it."""
    if "sau " not in plain or not (found := _CUT_OFFS[0].fullmatch(plain) or _CUT_OFFS[1].fullmatch(plain)):
        return None
    hour, minute = int(found["hour"]), int(found["minute"] or 0)
    if hour > 23 or minute > 59 or _EXCEPTION.search(found["when"] + found["then"]):
        return None
    term = _length(found["core"].rstrip(" .,;:("))
    if term is None or term.unit is None:
        return None
    return replace(term, cut_off=time(hour, minute))


def _whole(plain: str) -> Term:
    if _UNSTATED.fullmatch(plain) or re.fullmatch(r"0+(?:[.,]0+)?", plain):
        return Term(plain, reason=Reason.UNSTATED)
    if _NOT_APPLICABLE.fullmatch(plain):
        return Term(plain, reason=Reason.NOT_APPLICABLE)
    if _SEE_DESCRIPTION.fullmatch(plain):
        return Term(plain, reason=Reason.SEE_DESCRIPTION)
    if _FIXED_DATE.fullmatch(plain):
        return Term(plain, reason=Reason.FIXED_DATE)
    first, *others = re.split(r"[.;](?= |$)", plain)
    if not any(_SPEAKS_OF_TIME.search(sentence) for sentence in others) and (term := _length(first.strip(" .,:"))):
        return term
    return Term(plain, reason=Reason.NEEDS_A_PERSON)


def _length(sentence: str) -> Term | None:
    """The one length that the sentence states, "ngay" included; None when there is more to it."""
    if found := _LENGTH.fullmatch(sentence):
        return None if _qualified(found) else _amount(found)
    for pattern, term in (
        (_SAME_DAY, Term(sentence, Unit.WORKING_DAY, Decimal(0))),
        (_NEXT_DAY, Term(sentence, Unit.WORKING_DAY, Decimal(1))),
        (_IMMEDIATE, Term(sentence, reason=Reason.IMMEDIATE)),
    ):
        if found := pattern.fullmatch(sentence):
            return None if _qualified(found) else term
    return None


def _qualified(found: re.Match[str]) -> bool:
    tail = found["tail"] or ""
    return bool(_EXCEPTION.search(tail) or _CONDITION.search(tail))


def _amount(found: re.Match[str]) -> Term | None:
    number = _number(found["number"], machine_written=found["unit"].replace(" ", "_") in _UNIT_CODES)
    if number is None or (found["again"] and _number(found["again"], machine_written=False) != number):
        return None
    if found["half"]:
        number += Decimal("0.5")
    if found["minute"]:
        if number % 3:  # no exact number of hours
            return None
        unit, number = Unit.WORKING_HOUR, number / 60
    elif found["week"]:
        unit, number = Unit.CALENDAR_DAY, number * 7
    else:
        unit = next(unit for unit in Unit if found[unit])
    if number > _LONGEST[unit]:
        return Term(found.string, reason=Reason.BAD_INPUT)
    return Term(found.string, unit, number)


def _number(text: str, *, machine_written: bool) -> Decimal | None:
    """A number in digits, as a fraction or in words; None when it can be read in two ways or has no exact value."""
    text = text.strip()
    if text in _NUMBER_WORDS:
        return Decimal(_NUMBER_WORDS[text])
    if not re.fullmatch(_DIGITS, text):
        return None
    if divided := re.split(r" ?[/⁄] ?", text)[1:]:
        over, under = int(re.split(r" ?[/⁄] ?", text)[0]), int(divided[0])
        return Decimal(over) / under if under in (2, 4, 5, 8, 10) and over < under else None
    whole, separator, decimals = text.partition("." if "." in text else ",")
    if separator and len(decimals) == 3 and whole.strip("0") and not (machine_written and separator == "."):
        return None  # 1.500 ngày: thousands to a clerk, a decimal to a machine
    return Decimal(f"{whole}.{decimals}" if separator else whole)
