"""Real parts for the tests: a private Postgres, Penstock processes, readers that record every byte."""
