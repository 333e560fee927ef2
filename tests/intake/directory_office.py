"""Hai người của một cơ quan: one uploads, the other approves; and files for them."""

from typing import Any
from uuid import uuid4

import httpx

from tests.intake.conftest import FrontDoor

DESKS = """mã,tên,cấp,mã tỉnh,mã xã,phân loại,giờ làm việc,điện thoại,hiệu lực từ,hiệu lực đến
H15.15.01,Trung tâm hành chính công phường Tuy Hòa,cấp xã,66,22015,đô thị,07:00-11:30,0257 000 0101,01/07/2025,
H15.15.07,Trung tâm hành chính công phường Buôn Ma Thuột,xã,66,24133,urban,,,2025-07-01,
H45.30.01,Bộ phận Một cửa huyện Đồng Xuân,huyện,54,,,,,01/01/2010,30/06/2025
"""
UNITS = "code,name,superior,valid_from\nH15,UBND tỉnh Đắk Lắk,,2025-07-01\nH15.02,Sở Xây dựng,H15,2025-07-01\n"
AGENCIES = """code,old_code,name,vertical,superior,successor,valid_from,valid_to
H45.02,000.00.02.H45,Sở Xây dựng tỉnh Phú Yên,no,,H15.02,2018-01-01,2025-06-30
H15.02,000.00.02.H15,Sở Xây dựng tỉnh Đắk Lắk,no,,,2018-01-01,
G01.66,,Công an tỉnh Đắk Lắk,có,,,2025-07-01,
"""


class Desk:
    """Two persons of an office who look after the directory."""

    def __init__(self, door: FrontDoor) -> None:
        self.door = door
        self.editor = door.token(["reference:edit", "dossiers:read"], subject="an")
        self.approver = door.token(["reference:edit", "reference:approve"], subject="binh")

    async def upload(self, kind: str, body: str | bytes, *, key: str | None = None) -> httpx.Response:
        headers = {"Authorization": self.editor, "Idempotency-Key": key or str(uuid4())}
        raw = body.encode() if isinstance(body, str) else body
        return await self.door.client.post(f"/v1/directory/imports?kind={kind}", content=raw, headers=headers)

    async def preview(self, kind: str, body: str | bytes) -> dict[str, Any]:
        response = await self.upload(kind, body)
        assert response.status_code == 201, response.text
        seen: dict[str, Any] = response.json()
        return seen

    async def decide(self, import_id: str, what: str = "approve", bearer: str | None = None, **body: Any) -> Any:
        path = f"/v1/directory/imports/{import_id}/{what}"
        return await self.door.post(path, body, bearer=bearer or self.approver)

    async def published(self, kind: str, body: str | bytes) -> dict[str, Any]:
        seen = await self.preview(kind, body)
        assert seen["errors"] == []
        response = await self.decide(seen["id"])
        assert response.status_code == 200, response.text
        approved: dict[str, Any] = response.json()
        return approved

    async def mistakes(self, kind: str, body: str | bytes) -> list[tuple[int, str | None]]:
        """Where the file is wrong; what is wrong and what to do is always said."""
        seen = await self.preview(kind, body)
        assert seen["state"] == ("faulty" if seen["errors"] else "previewed")
        assert all(error["what"] and error["next_step"] for error in seen["errors"])
        return [(error["row"], error["column"]) for error in seen["errors"]]


def desk(**changes: str) -> str:
    """A desk file of one row."""
    row = {
        "code": "H15.15.01",
        "name": "Trung tâm",
        "level": "commune",
        "province": "66",
        "commune": "22015",
        "class": "urban",
        "valid_from": "2025-07-01",
        "valid_to": "",
        **changes,
    }
    return ",".join(row) + "\n" + ",".join(row.values()) + "\n"
