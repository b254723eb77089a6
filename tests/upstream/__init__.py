"""A real server of the OpenAI wire format, in its own process, whose behaviour is chosen by the model's name."""
