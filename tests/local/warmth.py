"""Imported ahead of time by tests of the nursery."""
