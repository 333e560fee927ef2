"""The ledger's counts, kept as things happen: whoever watches a run asks for them many times a second."""

from collections import Counter
from typing import Any

from hub_sandbox.entries import Callback, Effect


class Tally:
    """Effects, repeats, duplicates and conflicts; by kind, by party, by SMS duty; callbacks by outcome."""

    def __init__(self) -> None:
        self._kinds = Counter(handover=0, supplement=0, sms=0)
        self._sms_by_duty: Counter[str] = Counter()
        self._parties: dict[str, Counter[str]] = {}
        self._outcomes = Counter(taken=0, refused=0, given_up=0, waiting=0)
        self._attempts = 0
        self._completed: set[str] = set()
        self._counted: dict[str, tuple[str, int]] = {}

    def effect(self, effect: Effect) -> None:
        self._kinds[effect.kind] += 1
        if effect.kind == "sms":
            self._sms_by_duty[effect.duty.split(":")[0]] += 1
        party = self._party(effect.party)
        party["effects"] += 1
        party["repeats"] += effect.repeats
        party["duplicates"] += effect.duplicate

    def repeat(self, party: str) -> None:
        self._party(party)["repeats"] += 1

    def conflict(self, party: str) -> None:
        self._party(party)["conflicts"] += 1

    def callback(self, callback: Callback) -> None:
        """Counts a callback as it is now instead of as it was."""
        before = self._counted.get(callback.id)
        if before is not None:
            self._outcomes[before[0]] -= 1
            self._attempts -= before[1]
        self._counted[callback.id] = (callback.outcome, callback.attempts)
        self._outcomes[callback.outcome] += 1
        self._attempts += callback.attempts
        if callback.taken and callback.type == "completed":
            self._completed.add(callback.dossier_id)

    def summary(self) -> dict[str, Any]:
        """All counts. `dossiers_completed`: dossiers whose completion the hub has taken."""
        totals = {name: sum(party[name] for party in self._parties.values()) for name in _TOTALS}
        return {
            "effects": self._kinds,
            **totals,
            "sms_by_duty": self._sms_by_duty,
            "by_party": self._parties,
            "callbacks": {
                "planned": len(self._counted),
                "attempts": self._attempts,
                **self._outcomes,
                "dossiers_completed": len(self._completed),
            },
        }

    def _party(self, party: str) -> Counter[str]:
        counts = self._parties.get(party)
        if counts is None:
            counts = self._parties[party] = Counter(effects=0, repeats=0, duplicates=0, conflicts=0)
        return counts


_TOTALS = ("repeats", "duplicates", "conflicts")
