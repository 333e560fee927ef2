"""Cửa tương thích: does what the code says now break what was published?

`python -m hub_local.compatibility_gate` asks the code, before documents are written; `--written` asks the written ones,
which is as good and quicker after their own checks. One sentence for each break, and exit code 1.

Published is what git holds since before this work began: where it left PUBLISHED (in CI `origin/main`), HEAD when none
is named. A baseline that is edited or deleted beside the code changes nothing about that. An unpacked archive has no
history; there the files beside the code are all that can be asked.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from hub_events.compatibility import Break
from hub_events.promises import event_breaks, topic_breaks
from hub_events.schemas import schema_of
from hub_events.topics import EVENTS
from hub_local.api_documents import documents
from hub_web.compatibility import endpoint_breaks

ROOT = Path(__file__).resolve().parents[3]
EVENT_SCHEMAS = "contracts/events/hub_events/schemas"
API_DOCUMENTS = "docs/api"

Files = Mapping[str, str]
"""Texts of JSON documents by their path from the root of the project."""


def said_now() -> Files:
    """What the code would publish."""
    schemas = {f"{EVENT_SCHEMAS}/{event.type}.json": schema_of(event) for event in EVENTS.values()}
    return {**schemas, **{f"{API_DOCUMENTS}/{name}": text for name, text in documents().items()}}


def written(root: Path) -> Files:
    """The documents as they lie in `root`."""
    files = [file for folder in (EVENT_SCHEMAS, API_DOCUMENTS) for file in sorted((root / folder).rglob("*.json"))]
    return {file.relative_to(root).as_posix(): file.read_text() for file in files}


def published(root: Path, since: str) -> Files:
    """What was published where the work in `root` left `since`. Raises CalledProcessError when git doesn't know."""
    if not (root / ".git").exists():
        return written(root)
    base = _git(root, "merge-base", since, "HEAD").strip()
    names = _git(root, "ls-tree", "-r", "--name-only", base, "--", EVENT_SCHEMAS, API_DOCUMENTS).splitlines()
    return {name: _git(root, "show", f"{base}:{name}") for name in names if name.endswith(".json")}


def breaks(before: Files, after: Files) -> list[Break]:
    """What breaks when the published documents become those of the code."""
    events = [
        {PurePosixPath(name).stem: json.loads(text) for name, text in files.items() if name.startswith(EVENT_SCHEMAS)}
        for files in (before, after)
    ]
    found = event_breaks(*events)
    for name in sorted(before):
        if name.startswith(API_DOCUMENTS):
            compare = topic_breaks if name.endswith("asyncapi.json") else endpoint_breaks
            if name in after:
                found += compare(json.loads(before[name]), json.loads(after[name]))
            else:
                found.append(Break(name, "the document is gone", "nobody can look it up", "go on making it"))
    return found


def main(arguments: list[str]) -> int:
    """Prints what breaks; 1 when something does, 2 when git can't say what was published."""
    since = os.environ.get("PUBLISHED") or "HEAD"
    try:
        before = published(ROOT, since)
    except (subprocess.CalledProcessError, FileNotFoundError) as trouble:
        said = trouble.stderr.strip() if isinstance(trouble, subprocess.CalledProcessError) else "git isn't there"
        print(f"PUBLISHED={since}: {said}. Name a commit that is here with its history: `git fetch --unshallow`.")
        return 2
    found = breaks(before, written(ROOT) if arguments == ["--written"] else said_now())
    for one in found:
        print(one)
    if found:
        print(
            f"Published is what git holds at {since}. If that is newer work of yours, name its beginning: PUBLISHED=…"
        )
    return 1 if found else 0


def _git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
