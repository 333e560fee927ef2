"""All roles of routing in one process."""

from hub_messaging.process import run_process
from hub_messaging.settings import load
from services.routing.bootstrap import build
from services.routing.settings import RoutingSettings


def main() -> None:
    routing = build(load(RoutingSettings))
    run_process(routing.spine, routing.everything)


if __name__ == "__main__":
    main()
