"""Đường đi của sự kiện: how events travel between services; see docs/architecture.md."""

import gc
import sys
from importlib import import_module

from pydantic import BaseModel

# Imports and batches make objects by the thousand: looking for cycles after every 700 is a tenth of the start.
gc.set_threshold(100_000, 20, 50)

# What reads JSON is made when it is first used: FastAPI declares 50 models that only a reader of OpenAPI needs, and no
# service reads all events. Values are not kept for the next time they are read: most are ids.
BaseModel.model_config.update({"defer_build": True, "cache_strings": "keys"})

if "rich" not in sys.modules:
    # structlog loads rich, where the tools of `hub` have it installed, to colour tracebacks on a console. A log of JSON
    # lines shows none, and 65 modules cost each process 7 MB and a tenth of its start. None: "not installed".
    sys.modules["rich"] = None  # type: ignore[assignment]
    import_module("structlog")
    del sys.modules["rich"]
