"""The log: append-only streams, durable before visible. What is not in the log did not happen.

Terms and rules are those of the Durable Streams protocol (github.com/durable-streams, PROTOCOL.md): stream, offset,
producer, epoch, closed. Nothing here knows of chats, runs or models.
"""
