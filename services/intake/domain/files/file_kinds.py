"""Loại tệp được nhận: what a file may be. Its name, the type that its sender declares and its bytes must say the same.

Bytes are told by their first ones; of office documents, which are ZIP archives, by the members that the end lists.
"""

import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from services.intake.domain.files.file_refusals import KindRefused

HEAD_BYTES = 1024
"""So many first bytes are looked at."""
TAIL_BYTES = 1024 * 1024
"""So many last ones: the list of a ZIP archive's members is there."""
_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
"""The object identifier of CMS signed data, as DER."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file. `begins` looks at the first bytes; `members`: what a ZIP archive of this kind holds."""

    name: str
    extensions: tuple[str, ...]
    media_types: tuple[str, ...]
    begins: Callable[[bytes], bool]
    members: tuple[str, ...] = ()


def _starts(*signatures: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(signatures)


def _is_xml(head: bytes) -> bool:
    """With its declaration, in UTF-8: what begins otherwise may as well be a web page."""
    return head.removeprefix(b"\xef\xbb\xbf").startswith(b"<?xml ") and b"\0" not in head


def _is_signed_data(head: bytes) -> bool:
    return head.startswith(b"\x30") and _SIGNED_DATA in head[2:24]


KINDS: Sequence[Kind] = (
    Kind("PDF", ("pdf",), ("application/pdf",), _starts(b"%PDF-")),
    Kind("JPEG", ("jpg", "jpeg"), ("image/jpeg",), _starts(b"\xff\xd8\xff")),
    Kind("PNG", ("png",), ("image/png",), _starts(b"\x89PNG\r\n\x1a\n")),
    Kind("TIFF", ("tif", "tiff"), ("image/tiff",), _starts(b"II*\0", b"MM\0*")),
    Kind(
        "DOCX",
        ("docx",),
        ("application/vnd.openxmlformats-officedocument.wordprocessingml.document",),
        _starts(b"PK\x03\x04"),
        ("[Content_Types].xml", "word/document.xml"),
    ),
    Kind(
        "XLSX",
        ("xlsx",),
        ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",),
        _starts(b"PK\x03\x04"),
        ("[Content_Types].xml", "xl/workbook.xml"),
    ),
    Kind("XML", ("xml",), ("application/xml", "text/xml"), _is_xml),
    Kind("P7M", ("p7m",), ("application/pkcs7-mime", "application/x-pkcs7-mime"), _is_signed_data),
    Kind("P7S", ("p7s",), ("application/pkcs7-signature", "application/x-pkcs7-signature"), _is_signed_data),
)
_BY_TYPE: Mapping[str, Kind] = MappingProxyType({media: kind for kind in KINDS for media in kind.media_types})
_MACROS = "vbaProject.bin"


def kind_of(media_type: str) -> Kind:
    """The kind that a declared type is of. Raises KindRefused."""
    kind = _BY_TYPE.get(media_type)
    if kind is None:
        raise KindRefused("type")
    return kind


def check_name(name: str, kind: Kind) -> None:
    """The name's extension is one of the kind. Raises KindRefused."""
    if name.rpartition(".")[2].lower() not in kind.extensions:
        raise KindRefused("extension")


def check_head(head: bytes, kind: Kind) -> None:
    """The first bytes, HEAD_BYTES or all there are, are those of the kind. Raises KindRefused."""
    if not kind.begins(head):
        raise KindRefused("content")


def check_tail(tail: bytes, kind: Kind) -> None:
    """The last bytes, TAIL_BYTES or all there are, list the members of the kind and no macros. Raises KindRefused."""
    if not kind.members:
        return
    try:
        with zipfile.ZipFile(io.BytesIO(tail)) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, EOFError):
        raise KindRefused("content") from None
    if not set(kind.members) <= set(names):
        raise KindRefused("content")
    if any(name.endswith(_MACROS) for name in names):
        raise KindRefused("macros")
