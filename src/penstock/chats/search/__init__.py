"""Finding messages by what is in them."""
