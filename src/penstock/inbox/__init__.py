"""The owner's inbox of errors: what went wrong on our side, in any process, grouped and kept (G5)."""
