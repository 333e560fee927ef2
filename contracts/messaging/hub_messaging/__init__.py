"""Đường đi của sự kiện: how events travel between services; see docs/architecture.md."""

import sys
from importlib import import_module

if "rich" not in sys.modules:
    # structlog loads rich, where the tools of `hub` have it installed, to colour tracebacks on a console. A log of JSON
    # lines shows none, and 65 modules cost each process 7 MB and a tenth of its start. None: "not installed".
    sys.modules["rich"] = None  # type: ignore[assignment]
    import_module("structlog")
    del sys.modules["rich"]
