"""The stack that flows and resilience tests run on: the whole hub, with what these tests need set by its settings.

The gateway keeps the texts it got, routing reads a copy of its data that a test may mend, and what is stuck is listed
after three seconds.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from hub_local.keys import Keys
from hub_local.layout import Layout
from hub_local.stack import Stack
from hub_local.steps import Step, everything
from hub_local.supervisor import Program, Report
from tests.stack import Place

ROUTING_DATA = Path(__file__).parents[2] / "services" / "routing" / "data"


def competence_file(layout: Layout) -> Path:
    """The competence table that this stack's routing reads, and reads again when it changes."""
    return layout.folder / "routing-data" / "competence.json"


def settings_for_tests(layout: Layout) -> Mapping[str, Mapping[str, str]]:
    """By program, what differs from `hub up`."""
    return {
        "intake": {"INTAKE_STUCK_AFTER_SECONDS": "3"},
        "sandbox": {"SANDBOX_KEEP_TEXTS": "true"},
        "routing": {"ROUTING_DATA_FOLDER": str(competence_file(layout).parent)},
    }


def observed_hub(layout: Layout, keys: Keys, report: Report) -> Sequence[Step]:
    """What `hub up` runs, with those settings."""
    shutil.copytree(ROUTING_DATA, competence_file(layout).parent, dirs_exist_ok=True)
    changed = settings_for_tests(layout)
    return [
        replace(step, environment={**step.environment, **changed.get(step.name, {})})
        if isinstance(step, Program)
        else step
        for step in everything(layout, keys, report)
    ]


def observed_stack(place: Place) -> Stack:
    """The whole hub and its sandbox, for tests that look at it from outside."""
    return Stack(place.layout("hub"), plan=observed_hub)
