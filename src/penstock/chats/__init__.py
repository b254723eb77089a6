"""Conversations: chats, their messages, and what a model is shown of them."""
