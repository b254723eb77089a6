"""Language models behind one interface: a request in, deltas out. Nothing here knows of chats or databases."""
