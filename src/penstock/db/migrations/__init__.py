"""Alembic's folder: forward only, one file a step, run by `penstock migrate`."""
