"""Chats as files: what people take away with them, and what they bring along (B9)."""
