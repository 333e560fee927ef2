"""Lệnh `hub catalogue withdraw …`: end a published procedure by a decision; a second person approves."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from hub_cli.connection import Connection

_PATH = "/v1/catalogue/withdrawals"
As_json = Annotated[bool, typer.Option("--json", help="The answer as JSON.")]
Who = Annotated[str, typer.Option("--as", help="In whose name, on a local stack; elsewhere HUB_TOKEN says who.")]
Id = Annotated[str, typer.Argument(help="Id of the proposal, as `withdraw` shows it.")]
Why = Annotated[str, typer.Option(prompt=True, help="Why; kept with the proposal.")]


def add_to(group: typer.Typer) -> None:
    """Adds the commands to `hub catalogue`."""
    group.command()(withdraw)
    group.command("approve-withdrawal")(approve)
    group.command("reject-withdrawal")(reject)
    group.command("take-back-withdrawal")(take_back)
    group.command()(withdrawals)


def withdraw(
    code: Annotated[str, typer.Argument(help="Code of the procedure.")],
    decision: Annotated[str, typer.Option(help="Number of the decision (số quyết định).")],
    effective_on: Annotated[
        str, typer.Option("--from", help="First day without it, e.g. 2026-04-01; not in the past.")
    ],
    successor: Annotated[str | None, typer.Option(help="Code of what to hand in instead.")] = None,
    who: Who = "hub-cli",
    as_json: As_json = False,
) -> None:
    """Propose to withdraw (bãi bỏ) a procedure. Nothing takes effect before a second person approves.

    From that day on no new dossier is taken under it; what was received before goes on.
    """
    body = {"code": code, "decision": decision, "effective_on": effective_on, "successor_code": successor}
    _tell(_sent("", body, who), as_json)


def approve(withdrawal_id: Id, who: Who = "hub-cli", as_json: As_json = False) -> None:
    """Approve what somebody else proposed."""
    _tell(_connection(who).upload("intake", f"{_PATH}/{withdrawal_id}/approve", b""), as_json)


def reject(withdrawal_id: Id, why: Why, who: Who = "hub-cli", as_json: As_json = False) -> None:
    """Reject a proposal: nothing of it takes effect."""
    _tell(_sent(f"/{withdrawal_id}/reject", {"why": why}, who), as_json)


def take_back(withdrawal_id: Id, why: Why, who: Who = "hub-cli", as_json: As_json = False) -> None:
    """Take an approved withdrawal back that was a mistake: the procedure takes dossiers again."""
    _tell(_sent(f"/{withdrawal_id}/take-back", {"why": why}, who), as_json)


def withdrawals(
    code: Annotated[str | None, typer.Option(help="Of this procedure only.")] = None,
    state: Annotated[str | None, typer.Option(help="proposed, approved, rejected or taken_back.")] = None,
    as_json: As_json = False,
) -> None:
    """List the newest 50 withdrawals: who proposed, who decided, from when."""
    asked = {"code": code, "state": state}
    found = _connection().get("intake", _PATH, **{name: value for name, value in asked.items() if value})["items"]
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    for one in found:
        _tell(one, as_json=False)
    if not found:
        typer.echo("nothing was withdrawn")


def _sent(path: str, body: dict[str, Any], who: str) -> dict[str, Any]:
    content = json.dumps(body).encode()
    answer: dict[str, Any] = _connection(who).upload("intake", f"{_PATH}{path}", content, "application/json")
    return answer


def _tell(one: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(one, ensure_ascii=False))
        return
    instead = f", successor {one['successor_code']}" if one["successor_code"] else ""
    persons = f"by {one['proposed_by']}" + (f", decided by {one['decided_by']}" if one["decided_by"] else "")
    persons += f", taken back by {one['taken_back_by']}" if one["taken_back_by"] else ""
    typer.echo(f"{one['id']}  {one['code']}: {one['state']}, from {one['effective_on']}, {one['decision']}{instead}")
    typer.echo(f"  proposed {persons}")
    if one["state"] == "proposed":
        typer.echo(f"  nothing has taken effect; a second person: hub catalogue approve-withdrawal {one['id']}")


def _connection(who: str = "hub-cli") -> "Connection":
    from hub_cli.connection import Connection  # brings HTTP and signatures: slow, and the help does without

    return Connection(subject=who)
