"""People's own keys for providers: sealed where they are kept, opened only to ask."""
