"""A real OpenID Connect provider to sign in with: a process of its own that can be told to lie."""
