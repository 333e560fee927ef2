"""Each service, joined once for all rules about services."""

import pytest

from hub_local.layout import SERVICES
from tests.joined import Joined, join


@pytest.fixture(scope="session", params=SERVICES)
def joined(request: pytest.FixtureRequest, services: dict[str, Joined]) -> Joined:
    """Each service in turn."""
    return services[request.param]


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Joined]:
    """All services, joined with the settings that `hub up` gives them."""
    folder = tmp_path_factory.mktemp("joined")
    return {name: join(name, folder) for name in SERVICES}
