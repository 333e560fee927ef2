"""Phí, lệ phí: the amounts that a channel row names, as they are written; nothing is multiplied or guessed."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from services.intake.domain.reference.folding import folded, spaced, stated

SMALLEST = 1_000
"""Đồng; a smaller amount that isn't 0 was probably written in thousands."""
MOST = 200
"""Alternatives; what would be more stays in the last one."""
_AMOUNT = re.compile(r"(?<![\w.,/-])(?P<amount>\d{1,3}(?:[.,]\d{3})+|\d{1,15})(?:[.,]0{1,2})? ?(?:vnd|dong|đ|d)(?!\w)")
_BARE = re.compile(r"(?:(?:le )?phi: ?)?(\d{1,3}(?:[.,]\d{3})+|\d{1,15})")
_LOCAL = re.compile(r"hoi dong nhan dan|hdnd|nghi quyet|uy ban nhan dan|ubnd|dia phuong")


_FOREIGN = re.compile(r"\b(?:usd|do la|euro?|eur)\b|\$")
_SAYS_FEE = re.compile(
    r"\b(?:thong tu|nghi dinh|nghi quyet|quyet dinh|luat|quy dinh|hoi dong|hdnd|bo tai chinh|le phi|phi|muc thu|gia)\b"
)
_EXEMPT = re.compile(r"\W*(?:khong|chua|mien)\b|.*\bduoc mien\b")
_GROUPED = re.compile(r"(?<![\w.,/-])\d{1,3}(?:\.\d{3})+(?![\w.])")


class Fee(NamedTuple):
    """Một mức phí: đồng, or None where it is only told in words; `text` as published."""

    amount: int | None
    text: str


def read_fees(text: str) -> tuple[Fee, ...]:
    """The alternatives of a fee text: `10000 VNĐ (nộp trực tuyến) | 0 VNĐ (người có công)` are two."""
    return tuple(_fee(spaced(part)) for written in text.split("|", MOST) for part in _lines(written) if stated(part))


def _lines(written: str) -> list[str]:
    """Lines with an amount each are alternatives too; others are one text with line breaks."""
    lines = [line for line in written.split("\n") if line.strip()]
    return lines if all(_AMOUNT.search(folded(line)) for line in lines) else [written]


def _fee(text: str) -> Fee:
    """The amount before the first bracket, else in all of it; two different ones are none."""
    plain = folded(text)
    found = _AMOUNT.findall(plain.partition("(")[0]) or _AMOUNT.findall(plain)
    if not found and (bare := _BARE.fullmatch(plain)):
        found = [bare[1]]
    amounts = {_amount(amount) for amount in found}
    return Fee(amounts.pop() if len(amounts) == 1 else None, text)


def contradicts_itself(fee: Fee) -> bool:
    """Whether the words behind the amount say another one: `0 VNĐ (Theo quy định của Bộ Tài chính)` isn't free."""
    plain = folded(fee.text)
    stated_first = _AMOUNT.search(plain)
    if fee.amount is None or stated_first is None:
        return False
    words = plain[stated_first.end() :]
    others = {_amount(amount) for found in (_AMOUNT, _GROUPED) for amount in found.findall(words)} - {0}
    if others or _FOREIGN.search(words):
        return fee.amount not in others
    return fee.amount == 0 and _SAYS_FEE.search(words) is not None and _EXEMPT.match(words) is None


def _amount(digits: str) -> int:
    return int(re.sub(r"[.,]", "", digits))


def fee_flags(text: str) -> Iterator[tuple[str, str]]:
    """What a person should look at: slug and words."""
    fees = read_fees(text)
    if not fees:
        yield "fee-not-stated", ""
    for fee in fees:
        told = f"«{fee.text[:120]}»"
        if fee.amount is not None and 0 < fee.amount < SMALLEST:
            yield "fee-suspiciously-small", told
        elif contradicts_itself(fee):
            yield "fee-contradicts-words", told
        if fee.amount is None:
            plain = folded(fee.text)
            if _LOCAL.search(plain):
                yield "fee-set-locally", told
            else:
                yield ("fee-unreadable" if re.search(r"-\d", plain) else "fee-in-words"), told
