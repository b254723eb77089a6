"""Runs: answers being made. A run belongs to a worker, never to a request; its events are the log that readers follow."""
