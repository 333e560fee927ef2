"""The versions that the long upgrade runs through fit the tree of now."""

from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory

from hub_local.layout import SERVICES
from tests.upgrade.versions import make_later_versions


def test_every_later_version_applies_and_each_service_has_one_newest_migration(
    next_version: Path, tmp_path: Path
) -> None:
    for tree in (next_version, *make_later_versions(tmp_path, next_version)):
        for service in SERVICES:
            config = Config()
            config.set_main_option("script_location", str(tree / "services" / service / "migrations"))
            assert len(ScriptDirectory.from_config(config).get_heads()) == 1, (tree.name, service)
