"""Penstock: a workspace for talking to language models in which an answer, once asked for, is never lost."""
