"""Alembic's entry; the work is the same in every service."""

from hub_messaging.migrations import run_env

run_env()
