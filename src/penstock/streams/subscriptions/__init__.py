"""Subscriptions: who is woken when streams grow, and how far they have worked through what is there.

Terms and rules are those of the Durable Streams protocol (PROTOCOL.md, on subscriptions): a wake is a lease on the work
that is pending; its generation fences whoever held an earlier one.
"""
