"""Sổ hồ sơ sau quấy phá: what is wrong with lists, counts, changes, forms and files, asked for from outside."""

import asyncio
import hashlib
import os
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from hub_local.chaos_followers import Follower, standing
from hub_local.chaos_load import Handed, Load
from hub_local.chaos_proof import Flaw
from hub_local.chaos_ways import IssuedForm
from hub_local.front_door import FrontDoor
from hub_local.layout import Layout
from hub_local.number_ranges import SYMBOLS, Reserved, reserved_earlier
from hub_local.proof import Witness
from hub_local.stack import Stack

AT_ONCE = 8
SWEPT_WITHIN_SECONDS = 120.0
LOOK_SECONDS = 1.0
LONG_AGO = "interval '3 days'"
STOPPED = 8
_NUMBERED = (
    "SELECT desk_code, kind, year, array_agg(number ORDER BY number) AS numbers FROM official_form GROUP BY 1, 2, 3"
)
_AGE_UPLOADS = f"UPDATE file_upload SET touched_at = touched_at - {LONG_AGO}"  # noqa: S608 - no input
_NAMED = "SELECT object_id::text FROM file_part"
_UPLOADS = "SELECT id::text FROM file_upload"


async def flaws_of_lists(load: Load, followers: Sequence[Follower]) -> list[Flaw]:
    """Lists, counts and copies against each other, and against what the desks know they have done."""
    flaws: list[Flaw] = []
    for follower in followers:
        await follower.catch_up()
        listed = await follower.listed()
        flaws += flaws_of_copy(follower.name, follower.copy, listed)
        flaws += [Flaw(f"a change came twice to {follower.name}", id) for id in follower.twice]
        flaws += flaws_of_beginnings(follower.name, follower.times_begun, load.times_set_back)
        flaws += await _flaws_of_counts(follower, listed)
        if follower.area is None:
            flaws += flaws_of_phases(load.handed, load.old, listed)
    return flaws


def flaws_of_copy(name: str, copy: Mapping[str, Any], listed: Mapping[str, Any]) -> list[Flaw]:
    """What somebody who read every change holds otherwise than the list has it."""
    truth = {id: standing(one) for id, one in listed.items()}
    flaws = [Flaw(f"{name} never heard of it", id) for id in truth.keys() - copy.keys()]
    flaws += [Flaw(f"{name} still holds it, the list does not", id) for id in copy.keys() - truth.keys()]
    return flaws + [
        Flaw(f"{name} holds {copy[id]}, the list says {now}", id)
        for id, now in truth.items()
        if id in copy and copy[id] != now
    ]


def flaws_of_beginnings(name: str, times_begun: int, times_set_back: int) -> list[Flaw]:
    """Whoever follows begins anew only because the databases were set back: a copy made anew is right by itself."""
    if times_begun <= 1 + times_set_back:
        return []
    return [Flaw(f"{name} was told {times_begun - 1} x that its history is lost, which happened {times_set_back} x")]


def flaws_of_phases(handed: Iterable[Handed], old: Iterable[str], listed: Mapping[str, Any]) -> list[Flaw]:
    """Whether the list has every dossier that was answered for, once, as its desk left it; and no other."""
    wanted = {one.id: one for one in handed}
    known = wanted.keys() | set(old)
    flaws = [Flaw("is not in the list", id) for id in known - listed.keys()]
    flaws += [Flaw("is in the list, and nobody handed it in", id) for id in listed.keys() - known]
    codes = Counter(one["dossier_code"] for one in listed.values() if one["dossier_code"])
    flaws += [Flaw(f"{count} dossiers have the code {code}") for code, count in codes.items() if count > 1]
    return flaws + [
        Flaw(f"{one.way}: {listed[id]['phase']} instead of {one.wanted.phase}", id)
        for id, one in wanted.items()
        if id in listed and listed[id]["phase"] != one.wanted.phase
    ]


async def _flaws_of_counts(follower: Follower, listed: Mapping[str, Any]) -> list[Flaw]:
    by_status = Counter(one["national_status"]["code"] for one in listed.values())
    counted = {code: await follower.counted(national_status=code) for code in range(1, 11)}
    wrong = {code: n for code, n in counted.items() if n != by_status[code]}
    flaws = [Flaw(f"{follower.name} counts {n} with status {c}, lists {by_status[c]}") for c, n in wrong.items()]
    if (count := await follower.counted()) != len(listed):
        flaws.append(Flaw(f"{follower.name} counts {count} dossiers, lists {len(listed)}"))
    return flaws


def flaws_of_order(effects: Iterable[Mapping[str, Any]]) -> list[Flaw]:
    """Who was told that the dossier is stopped is told nothing more."""
    told: set[str] = set()
    flaws = []
    for effect in effects:
        if effect["kind"] != "sms":
            continue
        if effect["dossier_id"] in told:
            flaws.append(Flaw(f"sms {effect['duty']} after the stop notice", effect["dossier_id"]))
        if effect["duty"].startswith("stopped"):
            told.add(effect["dossier_id"])
    return flaws


def flaws_of_strangers(effects: Iterable[Mapping[str, Any]], old: set[str]) -> list[Flaw]:
    """Nobody hears anything of a dossier out of an old book."""
    heard = [one for one in effects if one["dossier_id"] in old]
    return [Flaw(f"{one['kind']} {one['duty']} of an old dossier", one["dossier_id"]) for one in heard]


async def flaws_of_waiting(door: FrontDoor) -> list[Flaw]:
    """Nobody is owed a word that can't be said."""
    waiting = (await door.get("notify", "/v1/notices?state=waiting_contact"))["items"]
    return [Flaw("a notice waits for a contact that nobody names", one["dossier_id"]) for one in waiting]


async def flaws_of_forms(
    door: FrontDoor, witness: Witness, forms: Sequence[IssuedForm], lost: set[str], left_out: Sequence[Reserved]
) -> list[Flaw]:
    """Every form that was answered for is there, the same bytes; numbers without gap and without double."""
    kept = [form for form in forms if form.dossier_id not in lost]
    limit = asyncio.Semaphore(AT_ONCE)

    async def look(form: IssuedForm) -> list[Flaw]:
        async with limit:
            reply = await door.ask("intake", "GET", f"/v1/forms/{form.id}.pdf")
            listed = (await door.get("intake", f"/v1/dossiers/{form.dossier_id}/forms"))["items"]
        flaws = [] if len(listed) == 1 else [Flaw(f"{len(listed)} receipts instead of 1", form.dossier_id)]
        if hashlib.sha256(reply.body).hexdigest() != form.sha256:
            flaws.append(Flaw(f"form {form.number} has other bytes than when it was issued", form.dossier_id))
        return flaws

    flaws = [flaw for found in await asyncio.gather(*map(look, kept)) for flaw in found]
    async with witness.database("intake") as connection:
        ranges = await connection.fetch(_NUMBERED)
    for desk, kind, year, numbers in ranges:
        key = f"{desk}/{SYMBOLS[int(kind) - 1]}/{year}"
        begins = {one[key]["goes_on_after"] + 1 for one in left_out if key in one}
        flaws += flaws_of_numbers(desk, kind, numbers, begins)
    return flaws


def flaws_of_numbers(desk: str, kind: str, numbers: Sequence[int], begins: Collection[int] = ()) -> list[Flaw]:
    """Numbers of one kind at one desk in one year, in order. `begins`: where a restore had them go on."""
    if all(
        number == before + 1 or (number in begins and number > before) for before, number in pairwise((0, *numbers))
    ):
        return []
    return [Flaw(f"forms {kind} of {desk} are numbered {list(numbers)}")]


async def flaws_of_files(door: FrontDoor, load: Load) -> list[Flaw]:
    """Every byte of every file, and every file once."""
    by_dossier: defaultdict[str, list[str]] = defaultdict(list)
    flaws = []
    for file in load.papers.files:
        if file.dossier_id in load.lost:
            continue
        by_dossier[file.dossier_id].append(file.id)
        content = (await door.ask("intake", "GET", f"/v1/files/{file.id}/content")).body
        if hashlib.sha256(content).hexdigest() != file.sha256:
            flaws.append(Flaw(f"file {file.id} has other bytes than were sent", file.dossier_id))
    for dossier_id, ids in by_dossier.items():
        listed = (await door.get("intake", f"/v1/dossiers/{dossier_id}/files"))["items"]
        if (found := sorted(one["id"] for one in listed)) != sorted(ids):
            flaws.append(Flaw(f"files {found} instead of {sorted(ids)}", dossier_id))
    return flaws


async def make_old(witness: Witness, folder: Path) -> None:
    """Three days pass for what uploads left behind: no test waits a day until that is swept."""
    async with witness.database("intake") as connection:
        await connection.execute(_AGE_UPLOADS)
    moment = time.time() - 3 * 86_400
    for path in _objects(folder):
        os.utime(path, (moment, moment))


async def flaws_of_sweeping(witness: Witness, folder: Path, files: int) -> list[Flaw]:
    """Waits until nothing lies in the folder that no file needs. `files`: how many there are."""
    ends = time.monotonic() + SWEPT_WITHIN_SECONDS
    while True:
        async with witness.database("intake") as connection:
            named = {row[0].replace("-", "") for row in await connection.fetch(_NAMED)}
            uploads = len(await connection.fetch(_UPLOADS))
        lying = {path.name.replace("-", "") for path in _objects(folder)}
        if lying == named and not uploads:
            return []
        if time.monotonic() > ends:
            strays, gone = len(lying - named), len(named - lying)
            words = f"{strays} parts of files that no row names, {gone} that are gone, {uploads} uploads not swept"
            return [Flaw(f"{words}, {files} files")]
        await asyncio.sleep(LOOK_SECONDS)


def _objects(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


class Register:
    """The register as others see it: systems that follow it, and what is proven of it in the end."""

    def __init__(self, door: FrontDoor, witness: Witness, layout: Layout, followers: Sequence[Follower]) -> None:
        self._door = door
        self._witness = witness
        self._layout = layout
        self.followers = followers
        self._following: list[asyncio.Task[None]] = []

    def follow(self) -> None:
        """From now on all followers read what changes."""
        self._following = [asyncio.create_task(follower.follow()) for follower in self.followers]

    async def rest(self) -> list[Flaw]:
        """They read no more; what none of them could go on after."""
        for task in self._following:
            task.cancel()
        ends = await asyncio.gather(*self._following, return_exceptions=True)
        self._following = []
        return [
            Flaw(f"a follower of changes could not go on: {type(end).__name__} {end}")
            for end in ends
            if isinstance(end, Exception)
        ]

    async def make_old(self) -> None:
        """Three days pass for what uploads left behind: nobody waits a day until that is swept."""
        await make_old(self._witness, self._layout.files)

    async def flaws(self, load: Load) -> list[Flaw]:
        """Everything that is wrong with it now."""
        effects = await self._door.effects()
        return [
            *await self.rest(),
            *await flaws_of_lists(load, self.followers),
            *flaws_of_order(effects),
            *flaws_of_strangers(effects, load.old),
            *await flaws_of_waiting(self._door),
            *await flaws_of_forms(
                self._door, self._witness, load.papers.forms, load.lost, reserved_earlier(self._layout)
            ),
            *await flaws_of_files(self._door, load),
            *await flaws_of_sweeping(self._witness, self._layout.files, len(load.papers.files)),
        ]


async def register_of(layout: Layout, stack: Stack, door: FrontDoor) -> Register:
    """Two follow it: one for all desks, one for the first of them."""
    area = [(await door.desks())[0]["code"]]
    followers = [Follower(door, "a portal"), Follower(door, "one desk's system", area)]
    return Register(door, Witness(layout, stack.keys.passwords, door), layout, followers)
