"""Snapshots of chats that whoever has a link can read, and go on with as a chat of their own (B10)."""
