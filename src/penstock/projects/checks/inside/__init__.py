"""Scripts that run in sandboxes, beside the code that they check."""
