"""How much anybody may ask for: messages a day, and requests in a while. `model` is pure."""
