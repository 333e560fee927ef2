"""`python -m hub_local`: what `hub up --detach` leaves running."""

import asyncio

from hub_local.commands import clear_errors
from hub_local.hold import hold
from hub_local.layout import here

if __name__ == "__main__":
    with clear_errors():
        asyncio.run(hold(here()))
