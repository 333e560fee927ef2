"""Lệnh `hub token`: a bearer token signed with a stack's own key, for a demo, a test or a small site."""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from hub_cli.services import give_up, issuer_key


class CallerKind(StrEnum):
    """Who the token is for; the same words as `hub_web.tokens.Kind`."""

    SYSTEM = "system"
    OFFICER = "officer"
    OPERATOR = "operator"


def register(root: typer.Typer) -> None:
    """Adds the command to `hub` (entry point group `hub.commands`)."""
    root.command("token")(token)


def token(
    subject: Annotated[str, typer.Option(help="Who the caller is: a system's name or an officer's code.")],
    scope: Annotated[list[str], typer.Option(help="What the caller may do, e.g. dossiers:read; several times.")],
    kind: Annotated[CallerKind, typer.Option(help="What the caller is.")] = CallerKind.SYSTEM,
    area: Annotated[list[str] | None, typer.Option(help="Code of a desk or unit, several times; * for all.")] = None,
    hours: Annotated[float, typer.Option(min=0.01, max=8_784, help="How long it is good for.")] = 8,
    key: Annotated[Path | None, typer.Option(help="Private JWK of the issuer; else that of the local stack.")] = None,
) -> None:
    """Print a bearer token. Only the keeper of the issuer's key can make one."""
    from hub_web.tokens import ALL, EVERYWHERE, Issuer  # brings signatures: slow, and the help does without

    if not area:
        raise typer.BadParameter("name at least one desk or unit, or '*' for all", param_hint="--area")
    if key is None:
        key = issuer_key(os.environ)
        typer.echo(f"signed with {key} (the local stack's; HUB_FOLDER or --key name another)", err=True)
    try:
        issuer = Issuer(key)
        codes = ALL if EVERYWHERE in area else frozenset(area)
        typer.echo(issuer.issue(subject, kind.value, scope, codes, hours=hours))
    except FileNotFoundError:
        give_up(f"there is no key {key}: start a stack with `hub up`, or name one with --key")
    except ValueError as error:
        give_up(str(error))
