"""`make bench`: figures as ratios against a peer or the raw limit in the same run. Never part of the tests."""
