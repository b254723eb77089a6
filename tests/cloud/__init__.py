"""A house that lends machines, as E2B does, to test against: its API, its edge, and what answers in a machine."""
