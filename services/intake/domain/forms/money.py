"""Tiền: amounts as people read them."""


def dong(amount: int) -> str:
    """`20000` as `20.000 đồng`."""
    return f"{amount:,} đồng".replace(",", ".")
