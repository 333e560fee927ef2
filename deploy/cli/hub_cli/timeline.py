"""Kiểm tra dòng thời gian: `hub timeline verify`: is all as it was sealed; `anchor`: what to write down."""

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub_cli.services import give_up

if TYPE_CHECKING:
    from hub_cli.connection import Connection

As_json = Annotated[bool, typer.Option("--json", help="One JSON object.")]
WORDS = {
    "changed": "was changed after it was sealed",
    "removed": "was removed",
    "moved": "was moved to another place of the order",
    "inserted": "was inserted behind what was sealed already",
    "ahead": "stands under a transaction that has not been yet, so that it would never be sealed",
    "seal-altered": "was altered",
    "seal-missing": "is missing",
    "anchor-differs": "is not the one that was written down",
}
FAULTY = 2


def register(root: typer.Typer) -> None:
    """Adds `hub timeline …` (entry point group `hub.commands`)."""
    timeline = typer.Typer(help="Prove the timeline (dòng thời gian): sealed, chained.", no_args_is_help=True)
    timeline.callback()(lambda: None)
    timeline.command("verify")(verify)
    timeline.command("anchor")(anchor)
    root.add_typer(timeline, name="timeline")


def verify(
    begin: Annotated[int, typer.Option("--from", min=1, help="Number of the first seal to look at.")] = 1,
    anchors: Annotated[
        list[str] | None, typer.Option("--anchor", help="NUMBER:CHAIN as `hub timeline anchor` printed it once.")
    ] = None,
    as_json: As_json = False,
) -> None:
    """Compute every seal anew and hold it against the steps that are kept.

    Exit code 2, with the first place, if a step was changed, removed, moved or inserted, a seal altered, or an anchor
    differs. --from trusts the chain of the seal before.
    """
    from hub_cli.connection import Connection  # brings HTTP and signatures: slow, and the help does without

    written_down = [_anchor(text) for text in anchors or ()]
    connection = Connection()
    result = _verified(connection, begin - 1, as_json)
    if result["fault"] is None:
        result["fault"] = _differing(connection, written_down)
    typer.echo(json.dumps(result, ensure_ascii=False) if as_json else _line(result))
    raise typer.Exit(FAULTY if result["fault"] else 0)


def anchor() -> None:
    """Print the newest seal as NUMBER:CHAIN and its time: write it down where nobody of the register can reach."""
    from hub_cli.connection import Connection  # as above

    newest = Connection().get("intake", "/v1/timeline/seals", limit=1)["newest"]
    if newest is None:
        give_up("nothing is sealed yet")
    typer.echo(f"{newest['number']}:{newest['chain']} {newest['sealed_at']}")


def _verified(connection: "Connection", after: int, as_json: bool) -> dict[str, Any]:
    total: dict[str, Any] = {"entries": 0, "erased": 0, "seals": 0, "through": None}
    while True:
        part = connection.get("intake", "/v1/timeline/verification", after=after)
        for name in ("entries", "erased", "seals"):
            total[name] += part[name]
        total["through"] = part["through"] or total["through"]
        if not part["more"]:
            _show_progress("", as_json)
            return {**total, "unsealed": part["unsealed"], "fault": part["fault"]}
        after = part["through"]["number"]
        _show_progress(f"{total['entries']:,} entries in {total['seals']:,} seals", as_json)


def _anchor(text: str) -> tuple[int, str]:
    number, _, chain = text.partition(":")
    if (
        not number.isdecimal()
        or int(number) < 1
        or len(chain) != 64
        or not set(chain.lower()) <= set("0123456789abcdef")
    ):
        give_up(f"--anchor {text[:80]!r}: expected NUMBER:CHAIN, as `hub timeline anchor` prints it")
    return int(number), chain.lower()


def _differing(connection: "Connection", anchors: list[tuple[int, str]]) -> dict[str, Any] | None:
    """The first seal that is not, or no more, the one that was written down."""
    for number, chain in sorted(anchors):
        items = connection.get("intake", "/v1/timeline/seals", after=number - 1, limit=1)["items"]
        if [(item["number"], item["chain"]) for item in items] != [(number, chain)]:
            return {"kind": "anchor-differs", "seal": number, "entry": None, "dossier_id": None, "event_id": None}
    return None


def _line(result: dict[str, Any]) -> str:
    through, fault = result["through"], result["fault"]
    erased = f" ({result['erased']:,} of them erased)" if result["erased"] else ""
    held = f"{result['entries']:,} entries{erased} in {result['seals']:,} seals"
    if through is not None:
        held += f" up to {through['sealed_at']}, chain {through['number']}:{through['chain']}"
    if fault is not None:
        return f"NOT AS SEALED: {_what(fault)} {WORDS[fault['kind']]}; before it, verified {held}"
    newer = f"; {result['unsealed']:,} newer not sealed yet" if result["unsealed"] else ""
    return f"verified {held}{newer}"


def _what(fault: dict[str, Any]) -> str:
    seal = f"seal {fault['seal']}"
    if fault["event_id"] is None:
        return seal
    step = f"the step {fault['event_id']} of dossier {fault['dossier_id']}"
    return f"{step} ({seal}, entry {fault['entry']})" if fault["entry"] else f"{step} (at {seal})"


def _show_progress(text: str, as_json: bool) -> None:
    if sys.stderr.isatty() and not as_json:
        sys.stderr.write(f"\r\033[K{text}")
