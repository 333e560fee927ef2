"""Thủ tục ví dụ: a published text of an invented procedure, as long as one wants it."""

import base64

_TEXT = """Chi tiết thủ tục hành chính
Mã thủ tục: {code}
Số quyết định: 0001/QĐ-BVD
Tên thủ tục: Đăng ký ví dụ {code}
Cấp thực hiện: Cấp Xã
Loại thủ tục: TTHC được luật giao quy định chi tiết
Lĩnh vực: Lĩnh vực ví dụ
Trình tự thực hiện:
{steps}
Cách thức thực hiện:
  * Hình thức nộp: DIRECT
    Thời hạn giải quyết: 5 WORKING_DAY
    Phí, lệ phí: 0 VNĐ ()

Thành phần hồ sơ:
    - Tờ khai theo mẫu
      Số lượng: Bản chính: 1, Bản sao: 0
      Mẫu đơn: mau-01.docx

Đối tượng thực hiện: Công dân Việt Nam
Cơ quan thực hiện: Công an Xã
Cơ quan có thẩm quyền: Không có thông tin
Địa chỉ tiếp nhận HS: Không có thông tin
Cơ quan được ủy quyền: Không có thông tin
Cơ quan phối hợp: Không có thông tin
Kết quả thực hiện: Giấy ví dụ
Căn cứ pháp lý:
  * Nghị định số 1/2099/NĐ-CP (1/2099/NĐ-CP)

Yêu cầu, điều kiện thực hiện: Không có thông tin
Từ khóa: Không có thông tin
Mô tả: Không có thông tin
"""
_STEP = "    Bước {number}: Nộp hồ sơ tại Bộ phận Một cửa, nhận giấy hẹn, theo dõi trên trang tra cứu."


def procedure_file(code: str, steps: int = 1) -> dict[str, str]:
    """The text as a file of an import, in the format of published ones: 1.1 KB and 116 bytes for each step."""
    text = _TEXT.format(code=code, steps="\n".join(_STEP.format(number=number + 1) for number in range(steps)))
    return {"name": f"{code}.txt", "content": base64.b64encode(text.encode()).decode()}
