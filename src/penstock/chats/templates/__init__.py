"""Prompt templates: texts with variables that people write again and again (B12)."""
