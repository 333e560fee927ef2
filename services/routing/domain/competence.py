"""Thẩm quyền giải quyết: which agency is competent, by kind of agency, procedure and territory.

The most specific rule wins: a commune before its province before `*`; then the procedure itself before `*`.
"""

from collections.abc import Iterable, Mapping
from copy import copy
from dataclasses import dataclass

ANY = "*"


@dataclass(frozen=True, slots=True)
class Agency:
    """Cơ quan giải quyết."""

    code: str
    name: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table. `territory`: a commune (5 digits), a province (2) or `*`; `procedures`: codes or `*`."""

    agency_kind: str
    procedures: tuple[str, ...]
    territory: str
    agency: str


class CompetenceWrong(ValueError):
    """The table contradicts itself; the message names the rules."""


class Competence:
    """The table. `version` is what events quote; `edition` also tells apart two contents of one version."""

    def __init__(
        self,
        version: str,
        edition: str,
        agencies: Iterable[Agency],
        rules: Iterable[Rule],
        communes: Mapping[str, str],
    ) -> None:
        """`communes`: province by commune. Raises CompetenceWrong."""
        self.version = f"competence@{version}"
        self.edition = edition
        self.agencies: dict[str, Agency] = {}
        for agency in agencies:
            if self.agencies.setdefault(agency.code, agency) != agency:
                raise CompetenceWrong(f"agency {agency.code} is listed with two names")
        self._communes = dict(communes)
        self._agency_of: dict[tuple[str, str, str], str] = {}
        for rule in rules:
            self._add(rule)

    def competent(self, agency_kind: str, procedure: str, territory: str) -> Agency | None:
        """The agency for a matter in `territory` (commune or province); None: nobody is named."""
        province = self._communes.get(territory, territory[:2] if len(territory) == 2 else ANY)
        for place in (territory, province, ANY):
            for wanted in (procedure, ANY):
                code = self._agency_of.get((agency_kind, place, wanted))
                if code is not None:
                    return self.agencies[code]
        return None

    def succeeded_by(self, heirs: Mapping[str, Agency], edition: int) -> "Competence":
        """The table with `heirs`, by the code of whose tasks they have; `edition`: the directory's that names them.

        Who is no more stays among the agencies: what it was handed before is still its own.
        """
        ours = {code: heir for code, heir in heirs.items() if code in self.agencies}
        if not ours:
            return self
        table = copy(self)
        table.version = f"{self.version}+agencies@{edition}"
        table.edition = f"{self.edition}+{edition}+{','.join(f'{code}>{ours[code].code}' for code in sorted(ours))}"
        table.agencies = {heir.code: heir for heir in ours.values()} | self.agencies
        table._agency_of = {key: ours[code].code if code in ours else code for key, code in self._agency_of.items()}
        return table

    def _add(self, rule: Rule) -> None:
        if rule.agency not in self.agencies:
            raise CompetenceWrong(f"a rule for {rule.agency_kind} names {rule.agency}, which is not among the agencies")
        if len(rule.territory) == 5 and rule.territory not in self._communes:
            raise CompetenceWrong(f"commune {rule.territory} has no province; add it to communes")
        for procedure in rule.procedures:
            key = (rule.agency_kind, rule.territory, procedure)
            other = self._agency_of.setdefault(key, rule.agency)
            if other != rule.agency:
                raise CompetenceWrong(
                    f"two equally specific rules for {rule.agency_kind}, procedure {procedure}, territory "
                    f"{rule.territory}: {other} and {rule.agency}"
                )
