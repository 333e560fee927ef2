"""Alembic's entry point for this service's tables."""

from hub_messaging.migrations import run_env

run_env()
