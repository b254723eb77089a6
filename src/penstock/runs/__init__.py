"""Runs: answers being made. A run belongs to a worker, never to a request; readers follow the log of its events."""
