"""Runs what a model wrote where it can do no harm. Knows files, commands and ports; no projects, no chats."""
