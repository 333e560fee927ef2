"""Lệnh `hub catalogue import`: published procedures from files into a running hub, in batches over HTTP."""

import base64
import json
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import typer

from hub_cli import withdrawals
from hub_cli.services import give_up

if TYPE_CHECKING:
    from hub_cli.connection import Connection

ENDINGS = (".txt", ".text", ".md", ".json", ".csv", ".tsv", ".xlsx", ".xlsm")
MOST_FILE = 8_000_000
BATCH_FILES, BATCH_BYTES = 100, 1_500_000
CLASSES = ("published", "flagged", "refused")
_PATH = "/v1/catalogue/imports"
Item = dict[str, Any]


def register(root: typer.Typer) -> None:
    """Adds the commands to `hub` (entry point group `hub.commands`)."""
    catalogue = typer.Typer(help="Look after the catalogue of procedures (danh mục TTHC).", no_args_is_help=True)
    catalogue.command("import")(import_procedures)
    withdrawals.add_to(catalogue)
    root.add_typer(catalogue, name="catalogue")


def import_procedures(
    paths: Annotated[list[str], typer.Argument(help="Files or folders; folders with all that is in them.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would become of each file; publish nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Import published procedures (thủ tục đã công bố): .txt, .md, .json, .csv, .xlsx.

    Each file is published, flagged (published, a person should look) or refused; none stops the others. Importing the
    same again changes nothing. Exit code 0 also where files are refused.
    """
    files, lost = _found(paths)
    items = [*lost, *_imported(files, dry_run)]
    counts = Counter(item["class"] for item in items)
    result = {"files": len(items), **{name: counts[name] for name in CLASSES}, "dry_run": dry_run, "items": items}
    if as_json:
        typer.echo(json.dumps(result, ensure_ascii=False))
    else:
        _tell(result)


def _found(paths: Iterable[str]) -> tuple[list[str], list[Item]]:
    """The files, each once, in order of their names within each path; and what can't be read."""
    files: dict[str, str] = {}
    lost: list[Item] = []
    for path in paths:
        if not path or not os.path.lexists(path):
            give_up(f"there is no file or folder {_shown(path)!r}")
        for file in sorted(_files_in(path, lost)) if os.path.isdir(path) else [path]:
            files.setdefault(os.path.realpath(file), file)
    return list(files.values()), lost


def _files_in(folder: str, lost: list[Item]) -> Iterator[str]:
    """All files, none hidden; a folder that leads back to itself is entered once."""
    seen: set[str] = set()

    def unreadable(error: OSError) -> None:
        lost.append(_refused(str(error.filename), "unreadable-file", error.strerror or "folder"))

    for place, folders, names in os.walk(folder, onerror=unreadable, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if not name.startswith((".", "~$")):
                yield os.path.join(place, name)


def _imported(files: list[str], dry_run: bool) -> list[Item]:
    connection, run = _connection(), str(uuid4())
    items: list[Item] = []
    for batch in _batches(files, items):
        items += _sent(connection, batch, run, dry_run)
        _progress(len(items), len(files))
    order = {_shown(file): place for place, file in enumerate(files)}
    return sorted(items, key=lambda item: order.get(item["file"], -1))


def _batches(files: list[str], lost: list[Item]) -> Iterator[list[tuple[str, bytes]]]:
    """Files with their bytes; those that can't be read are `lost`."""
    batch: list[tuple[str, bytes]] = []
    size = 0
    for file in files:
        content = _bytes_of(file, lost)
        if content is None:
            continue
        if batch and (size + len(content) > BATCH_BYTES or len(batch) == BATCH_FILES):
            yield batch
            batch, size = [], 0
        batch.append((_shown(file), content))
        size += len(content)
    if batch:
        yield batch


def _bytes_of(file: str, lost: list[Item]) -> bytes | None:
    try:
        status = os.stat(file)
        if not S_ISREG(status.st_mode):
            lost.append(_refused(file, "unreadable-file", "không phải tệp thường."))
        elif not file.lower().endswith(ENDINGS):
            lost.append(_refused(file, "format-unknown", "Không phải .txt, .md, .json, .csv hoặc .xlsx."))
        elif status.st_size > MOST_FILE:
            lost.append(_refused(file, "too-large", f"Tệp quá lớn; nhiều nhất {MOST_FILE // 1_000_000} MB."))
        else:
            return Path(file).read_bytes()
    except OSError as error:
        lost.append(_refused(file, "unreadable-file", f"Không mở được tệp: {error.strerror}."))
    return None


def _sent(connection: "Connection", batch: list[tuple[str, bytes]], run: str, dry_run: bool) -> list[Item]:
    """The items of a batch. One that the hub can't take as a whole is sent file by file: none stops the others."""
    files = [{"name": name, "content": base64.b64encode(content).decode()} for name, content in batch]
    path = f"{_PATH}?dry_run={'true' if dry_run else 'false'}"
    answer = connection.send("intake", path, {"run": run, "files": files}, str(uuid4()))
    if isinstance(answer, dict):
        return [_short(item) for item in answer["items"]]
    if len(batch) == 1:
        return [_refused(batch[0][0], "hub-error", answer)]
    return [item for one in batch for item in _sent(connection, [one], run, dry_run)]


def _short(item: Item) -> Item:
    """Without what says nothing: `procedures` only where a file holds several."""
    return item if item.get("procedures") else {key: value for key, value in item.items() if key != "procedures"}


def _refused(file: str, slug: str, text: str) -> Item:
    reason = {"slug": slug, "place": "tệp", "text": text}
    return {
        "file": _shown(file),
        "class": "refused",
        "code": None,
        "version": None,
        "unchanged": False,
        "reasons": [reason],
    }


def _shown(file: str) -> str:
    """A file's name as text, whatever bytes it is made of."""
    return os.fsencode(file).decode("utf-8", "backslashreplace").replace("\0", "\\0")


def _connection() -> "Connection":
    from hub_cli.connection import Connection  # brings HTTP and signatures: slow, and the help does without

    return Connection()


def _progress(done: int, all_files: int) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{done}/{all_files}" + ("\n" if done >= all_files else ""))
        sys.stderr.flush()


def _tell(result: dict[str, Any]) -> None:
    """Numbers, the most frequent reasons, and each refused file with its place."""
    items: list[Item] = result["items"]
    unchanged = sum(item["unchanged"] for item in items)
    what = "Xem trước, chưa công bố gì" if result["dry_run"] else "Đã nhập"
    typer.echo(f"{what}: {result['files']} tệp")
    typer.echo(f"  công bố      {result['published']:>6}")
    typer.echo(f"  cần xem lại  {result['flagged']:>6}   (đã công bố, có lý do)")
    typer.echo(f"  từ chối      {result['refused']:>6}")
    typer.echo(f"  không đổi    {unchanged:>6}   (cùng nội dung với phiên bản mới nhất)")
    flags = Counter(reason["slug"] for item in items if item["class"] == "flagged" for reason in item["reasons"])
    if flags:
        typer.echo("\nLý do cần xem lại:")
    for slug, count in flags.most_common():
        typer.echo(f"  {slug:<30} {count:>6}")
    refused = [item for item in items if item["class"] == "refused"]
    if refused:
        typer.echo("\nBị từ chối:")
    for item in refused:
        for reason in item["reasons"]:
            typer.echo(f"  {item['file']}, {reason['place']}: {reason['text']} [{reason['slug']}]")
