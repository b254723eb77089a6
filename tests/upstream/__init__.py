"""A real server of the wire formats, in its own process, whose behaviour is chosen by the model's name."""
