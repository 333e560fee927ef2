"""Alembic's entry; the work is done in one place for all services."""

from hub_messaging.migrations import run_env

run_env()
