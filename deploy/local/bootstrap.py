"""Makes `.venv` exactly as the committed locks say; run by the Makefile with whatever Python the machine has.

Standard library only, and old syntax, so that too old a Python gets a clear message. The stamp `.venv/ready` holds
the Python and a digest of all that went in: nothing is done while both fit. An interrupted run leaves no stamp, so
the next one begins from an empty folder, as it does for another Python.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = ROOT / ".venv"
STAMP = ENVIRONMENT / "ready"
PYTHON = ENVIRONMENT / "bin" / "python"
LOCKS = ROOT / "deploy" / "locks"


def main():  # type: () -> None
    if sys.version_info < (3, 11):  # noqa: UP036 - the Makefile runs this with any Python
        raise SystemExit(
            "Python 3.11 or newer is needed; this is {}.{}. Name one: make PYTHON=python3.12 <target>".format(
                *sys.version_info[:2]
            )
        )
    with open(ROOT / ".venv.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = f"{identity_of_python()}\n{digest_of_inputs()}"
        made = STAMP.read_text() if STAMP.exists() else ""
        if made == wanted:
            return
        say("making .venv from the committed locks")
        if made.startswith(identity_of_python()):
            STAMP.unlink()
        else:
            shutil.rmtree(ENVIRONMENT, ignore_errors=True)
        if not PYTHON.exists():
            make_environment()
        install()
        STAMP.write_text(wanted)
        say(".venv is ready")


def members():  # type: () -> list[Path]
    """The folders of all workspace members."""
    return sorted(
        file.parent
        for pattern in ("contracts/*", "services/*", "deploy/*")
        for file in ROOT.glob(pattern + "/pyproject.toml")
    )


def identity_of_python():  # type: () -> str
    """The Python in use, and the place: environments and editable installs hold absolute paths."""
    return repr((sys.version, sys.base_prefix, str(ROOT)))


def digest_of_inputs():  # type: () -> str
    """SHA-256 over the locks, the members and this script."""
    digest = hashlib.sha256()
    files = [
        Path(__file__),
        LOCKS / "bootstrap.txt",
        LOCKS / "all.txt",
        *(member / "pyproject.toml" for member in members()),
    ]
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def make_environment():  # type: () -> None
    try:
        import ensurepip  # noqa: F401 - some systems ship Python without it
        import venv
    except ImportError:
        raise SystemExit(
            "This Python can't make environments: its venv or ensurepip is missing.\n"
            "On Debian and Ubuntu: apt install python3-venv; or name another Python: make PYTHON=… <target>"
        ) from None
    venv.create(ENVIRONMENT, with_pip=True, symlinks=True)


def install():  # type: () -> None
    """uv by pip; with uv all other packages, then this project's own members."""
    pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "--quiet"]
    run("pip", [*pip, "install", "--require-hashes", "--only-binary", ":all:", "-r", str(LOCKS / "bootstrap.txt")])
    uv = [str(ENVIRONMENT / "bin" / "uv"), "pip", "install", "--quiet", "--python", str(PYTHON)]
    run("uv", [*uv, "--require-hashes", "--compile-bytecode", "-r", str(LOCKS / "all.txt")])
    editable = [part for member in members() for part in ("--editable", str(member))]
    run("uv", [*uv, "--no-deps", "--no-build-isolation", *editable])


def run(tool, command):  # type: (str, list[str]) -> None
    environment = {**os.environ, **index_of_pip()} if tool == "uv" else None
    if subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=False).returncode != 0:
        raise SystemExit(
            f"{tool} could not install what the locks name (its message is above). Check the network, or the\n"
            "mirror that pip is configured with, and run make again: it goes on by itself."
        )


def index_of_pip():  # type: () -> dict[str, str]
    """A mirror that only pip is told of (pip.conf or PIP_INDEX_URL) holds for uv too."""
    if {"UV_INDEX_URL", "UV_DEFAULT_INDEX"} & os.environ.keys():
        return {}
    asked = subprocess.run(
        [str(PYTHON), "-m", "pip", "config", "get", "global.index-url"], capture_output=True, text=True, check=False
    )
    index = os.environ.get("PIP_INDEX_URL") or asked.stdout.strip()
    return {"UV_DEFAULT_INDEX": index} if index else {}


def say(text):  # type: (str) -> None
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
