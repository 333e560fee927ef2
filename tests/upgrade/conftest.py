"""The next version of the services, made once."""

from pathlib import Path

import pytest

from tests.upgrade.versions import make_next_version


@pytest.fixture(scope="session")
def next_version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its tree: what is installed is this version; a process begun with its path is of the next one."""
    return make_next_version(tmp_path_factory.mktemp("next") / "version")
