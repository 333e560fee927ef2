"""Người cần báo: the phone number, opened from its seal just before it is used; what is written of them, sealed."""

from pathlib import Path
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from hub_events.values import Phone
from hub_messaging.errors import CannotProcess, NotYet
from hub_messaging.sealing import SealingKeys

PURPOSE = "contact"
_PHONE: TypeAdapter[Phone] = TypeAdapter(Phone)


class Contacts:
    """Opens sealed contacts with the keys of one file. Raises ValueError or OSError when the file can't be used."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._keys = SealingKeys.read(file)

    def phone(self, dossier_id: UUID, sealed: str) -> Phone:
        """The phone number. A key that is not known is looked for in the file once more: it may be new.

        Raises NotYet `sealing-key-unknown`; CannotProcess `no-phone`, `phone-invalid` or what is wrong with the seal.
        """
        try:
            contact = self._keys.open(PURPOSE, dossier_id, sealed)
        except NotYet as unknown:
            contact = self._fresh_keys(unknown).open(PURPOSE, dossier_id, sealed)
        number = contact.get("phone") if isinstance(contact, dict) else None
        if not number:
            raise CannotProcess("no-phone")
        try:
            return _PHONE.validate_python(number)
        except ValidationError:
            raise CannotProcess("phone-invalid") from None

    def seal(self, dossier_id: UUID, why: str) -> str:
        """What a person wrote about the citizen, for the dossier's notices."""
        return self._keys.seal(PURPOSE, dossier_id, {"why": why})

    def _fresh_keys(self, unknown: NotYet) -> SealingKeys:
        try:
            self._keys = SealingKeys.read(self._file)
        except (OSError, ValueError):
            raise unknown from None
        return self._keys
