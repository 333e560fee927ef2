"""Published procedures as text, invented, with the quirks that published ones show, as often as they show them."""

import random
import unicodedata
from collections.abc import Iterator

AGENCIES = (
    "Công an Xã",
    "Công an cấp tỉnh",
    "Ủy ban nhân dân cấp Xã",
    "Sở Tài chính",
    "Chi cục Thuế",
    "Bảo hiểm xã hội tỉnh",
    "Kho bạc Nhà nước khu vực",
    "Sở Văn hóa, Thể thao và Du lịch",
    "Cục Ví dụ, Bộ Ví dụ",
)


def channel(form: str = "DIRECT", term: str = "5 WORKING_DAY", fee: str = "0 VNĐ ()", description: str = "") -> str:
    """One row of Cách thức thực hiện."""
    rows = f"  * Hình thức nộp: {form}\n    Thời hạn giải quyết: {term}\n    Phí, lệ phí: {fee}\n"
    return rows + (f"    Mô tả: {description}\n" if description else "")


COMPONENTS = """    - Tờ khai theo mẫu
      Số lượng: Bản chính: 1, Bản sao: 0
      Mẫu đơn: mau-01.docx
    - Giấy tờ chứng minh
      Số lượng: Bản chính: 0, Bản sao: 1
"""


def procedure_text(
    code: str = "1.999001",
    name: str = "Đăng ký ví dụ cho hộ gia đình",
    level: str = "Cấp Xã",
    field: str = "Lĩnh vực ví dụ",
    agency: str = "Công an Xã",
    channels: str | None = None,
    components: str = COMPONENTS,
    bases: str = "  * Nghị định số 1/2099/NĐ-CP (1/2099/NĐ-CP)\n",
    steps: str = "    Bước 1: Nộp hồ sơ tại Bộ phận Một cửa.\n",
    results: str = "Giấy ví dụ",
    cooperating: str = "Không có thông tin",
    more: str = "",
) -> str:
    """A clean text, unless something else is given."""
    rows = channel() if channels is None else channels
    return f"""Chi tiết thủ tục hành chính
Mã thủ tục: {code}
Số quyết định: 0001/QĐ-BVD
Tên thủ tục: {name}
Cấp thực hiện: {level}
Loại thủ tục: TTHC được luật giao quy định chi tiết
Lĩnh vực: {field}
Trình tự thực hiện:
{steps}Cách thức thực hiện:
{rows}
Thành phần hồ sơ:
{components}
Đối tượng thực hiện: Công dân Việt Nam, Doanh nghiệp
Cơ quan thực hiện: {agency}
Cơ quan có thẩm quyền: Không có thông tin
Địa chỉ tiếp nhận HS: Không có thông tin
Cơ quan được ủy quyền: Không có thông tin
Cơ quan phối hợp: {cooperating}
Kết quả thực hiện: {results}
Căn cứ pháp lý:
{bases}
Yêu cầu, điều kiện thực hiện: Không có thông tin
Từ khóa: Không có thông tin
Mô tả: Không có thông tin
{more}"""


def _term(chance: random.Random) -> str:
    kinds = ("{} WORKING_DAY", "{} ngày", "OTHER", "1 OTHER", "", "{} Giờ", "{} tháng", "2.5 WORKING_DAY")
    (kind,) = chance.choices(kinds, (8750, 3140, 44, 773, 463, 256, 56, 20))
    return kind.format(chance.choice((1, 2, 3, 5, 7, 10, 15, 20, 30)))


def _other(term: str, chance: random.Random) -> str:
    return _term(chance) if chance.random() < 0.05 else term


def _fee(chance: random.Random) -> str:
    kinds = ("0 VNĐ ()", "Không có thông tin", "10000 VNĐ (nộp trực tuyến) | 0 VNĐ (người có công)", "40 VNĐ ()")
    return chance.choices((*kinds, "Do Hội đồng nhân dân tỉnh quy định"), (6700, 4240, 800, 30, 200))[0]


def many(count: int, seed: int = 1) -> Iterator[tuple[str, str]]:
    """(file name, text) of `count` procedures; long steps and papers as published ones have."""
    chance = random.Random(seed)
    for number in range(count):
        forms = chance.sample(("ONLINE", "DIRECT", "POSTAL"), chance.choices((1, 2, 3), (1, 2, 5))[0])
        if chance.random() < 0.03:
            forms.append(forms[0])
        papers = "".join(
            f"    - Giấy tờ thứ {n} của hồ sơ theo quy định của pháp luật chuyên ngành {number % 97}\n"
            "      Số lượng: Bản chính: 1, Bản sao: 0\n"
            for n in range(chance.randint(1, 12))
        )
        steps = "".join(
            f"    - Bước {n}: Tổ chức, cá nhân nộp hồ sơ; cơ quan kiểm tra, thẩm định và trả kết quả theo quy định.\n"
            for n in range(chance.randint(2, 25))
        )
        bases = "".join(f"  * Nghị định {n}/2020/NĐ-CP ({n}/2020/NĐ-CP)\n" for n in range(1, chance.randint(2, 8)))
        term = _term(chance)
        name = f"Thủ tục ví dụ số {number} về cấp giấy phép trong lĩnh vực {number % 283}"
        text = procedure_text(
            code=f"1.{900_000 + number:06}" + (".H47" if chance.random() < 0.02 else ""),
            name=name.upper() if chance.random() < 0.01 else name,
            field=f"Lĩnh vực {number % 283}",
            level=chance.choice(("Cấp Xã", "Cấp Tỉnh", "Cấp Bộ")),
            agency=chance.choice(AGENCIES),
            channels="".join(channel(form, _other(term, chance), _fee(chance)) for form in forms),
            components=papers,
            steps=steps,
            bases=bases + ("  * Nghị định số 61/2018/NĐ-CP\n" if chance.random() < 0.1 else ""),
        )
        if chance.random() < 122 / 5650:
            text = unicodedata.normalize("NFD", text)
        yield f"{number:05}.txt", text
