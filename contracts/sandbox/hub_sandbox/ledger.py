"""Sổ cái: every effect that reached the other side, so that loss and doubling can be counted instead of believed.

An *effect* is a hand-over, a supplement, a call to stop or to correct, or an SMS that its receiver took after applying
the key it was offered. The same key again is a *repeat* (same answer, no second effect); the same key with another body
a *conflict* (422); at a receiver that does not honour the key, each request is an effect. A *duplicate* is an effect
beyond one per (dossier, kind, duty), whatever its key. No text and no number is kept.
"""

import time
from collections import Counter
from typing import Any

from hub_sandbox.entries import Callback, Effect, Kind
from hub_sandbox.journal import Journal
from hub_sandbox.tally import Tally


class KeyConflict(Exception):
    """The key was used with another body."""


class Ledger:
    """All effects and callbacks, in memory; exact again after a restart when it has a journal."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._forget()
        for line in journal.read():
            self._replay(line)

    def _forget(self) -> None:
        self.effects: list[Effect] = []
        self.callbacks: dict[str, Callback] = {}
        self._by_key: dict[tuple[str, str], Effect] = {}
        self._by_duty: Counter[tuple[str, str, str, str | None]] = Counter()
        self._tally = Tally()

    def seen(self, party: str, key: str, body_hash: str) -> Effect | None:
        """The effect this key had before, now repeated once more; None when it is new. Raises KeyConflict."""
        effect = self._by_key.get((party, key))
        if effect is None:
            return None
        if effect.body_hash != body_hash:
            self._tally.conflict(party)
            self._journal.add({"conflict": party})
            raise KeyConflict(key)
        self._repeat(effect)
        self._journal.add({"repeat": effect.number})
        return effect

    def has(self, kind: Kind, party: str, dossier_id: str) -> bool:
        """Whether the party took something of that kind about the dossier."""
        return any((one.kind, one.party, one.dossier_id) == (kind, party, dossier_id) for one in self.effects)

    def of_key(self, party: str, key: str) -> Effect | None:
        """The first effect under this key, asked for without a repeat."""
        return self._by_key.get((party, key))

    def take(
        self,
        kind: Kind,
        party: str,
        key: str,
        dossier_id: str,
        duty: str,
        *,
        body_hash: str,
        answer: str,
        recipient: str | None = None,
    ) -> Effect:
        """Records a new effect."""
        effect = Effect(
            number=len(self.effects) + 1,
            kind=kind,
            party=party,
            key=key,
            dossier_id=dossier_id,
            duty=duty,
            first_at=time.time(),
            body_hash=body_hash,
            answer=answer,
            duplicate=self._by_duty[dossier_id, kind, duty, recipient] > 0,
            recipient=recipient,
        )
        self._keep(effect)
        self._journal.add({"effect": effect})
        return effect

    def plan(self, callbacks: list[Callback]) -> None:
        """Records what an agency is going to say."""
        for callback in callbacks:
            self._keep_callback(callback)
            self._journal.add({"callback": callback})

    def changed(self, callback: Callback) -> None:
        """Records how far a callback has come."""
        self._tally.callback(callback)
        self._journal.add({"state": callback.id, **{name: getattr(callback, name) for name in _CALLBACK_STATE}})

    async def written(self) -> None:
        """Returns when all that was recorded would survive a kill."""
        await self._journal.written()

    def clear(self) -> None:
        self._forget()
        self._journal.clear()

    def find(self, *, dossier_id: str | None, kind: str | None, after: int, limit: int) -> list[Effect]:
        """At most `limit` effects with a number above `after`."""
        found: list[Effect] = []
        for effect in self.effects[after:]:
            if dossier_id in {None, effect.dossier_id} and kind in {None, effect.kind}:
                found.append(effect)
                if len(found) == limit:
                    break
        return found

    def summary(self) -> dict[str, Any]:
        """Counts: what was taken, repeated, doubled and contradicted; by kind, by party and by SMS duty; callbacks."""
        return self._tally.summary()

    def _keep(self, effect: Effect) -> None:
        self.effects.append(effect)
        self._by_key.setdefault((effect.party, effect.key), effect)
        self._by_duty[effect.dossier_id, effect.kind, effect.duty, effect.recipient] += 1
        self._tally.effect(effect)

    def _repeat(self, effect: Effect) -> None:
        effect.repeats += 1
        self._tally.repeat(effect.party)

    def _keep_callback(self, callback: Callback) -> None:
        self.callbacks[callback.id] = callback
        self._tally.callback(callback)

    def _replay(self, line: dict[str, Any]) -> None:
        if "effect" in line:
            self._keep(Effect(**line["effect"]))
        elif "repeat" in line:
            self._repeat(self.effects[line["repeat"] - 1])
        elif "conflict" in line:
            self._tally.conflict(line["conflict"])
        elif "callback" in line:
            self._keep_callback(Callback(**line["callback"]))
        else:
            callback = self.callbacks[line["state"]]
            for name in _CALLBACK_STATE:
                setattr(callback, name, line[name])
            self._tally.callback(callback)


_CALLBACK_STATE = ("due_at", "at", "attempts", "taken", "outcome", "status")
