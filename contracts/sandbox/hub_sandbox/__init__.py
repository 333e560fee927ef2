"""Bên giả lập: the other side, agencies and an SMS gateway."""

import hub_messaging  # noqa: F401 - before all others: it loads structlog without rich
