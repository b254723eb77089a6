"""On Postgres statistics follow once for each statement (B1).

A chat that comes in with 50,000 messages would otherwise leave as many versions of its own row, through which each next
message looks for the last one.
"""

from alembic import op

revision = "0025"
down_revision = "0024"

_STATEMENTS = (
    "DROP TRIGGER message_statistics ON message",
    "DROP FUNCTION message_statistics",
    """
    CREATE FUNCTION message_added() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      UPDATE chat SET
        message_count = message_count + sums.messages,
        total_tokens = total_tokens + sums.tokens,
        last_message_at = greatest(coalesce(last_message_at, 0), sums.latest)
      FROM (
        SELECT chat_id, count(*) AS messages, max(created_at) AS latest,
          sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0)) AS tokens
        FROM added GROUP BY chat_id
      ) AS sums
      WHERE chat.id = sums.chat_id;
      RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER message_added AFTER INSERT ON message REFERENCING NEW TABLE AS added
      FOR EACH STATEMENT EXECUTE FUNCTION message_added()
    """,
    """
    CREATE FUNCTION message_counted() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      UPDATE chat SET total_tokens = total_tokens
        + coalesce(NEW.input_tokens, 0) + coalesce(NEW.output_tokens, 0)
        - coalesce(OLD.input_tokens, 0) - coalesce(OLD.output_tokens, 0)
      WHERE id = NEW.chat_id;
      RETURN NULL;
    END $$
    """,
    # With a list of columns a trigger can only be one for each row.
    """
    CREATE TRIGGER message_counted AFTER UPDATE OF input_tokens, output_tokens ON message
      FOR EACH ROW EXECUTE FUNCTION message_counted()
    """,
    """
    CREATE FUNCTION message_removed() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      -- Locked by a statement of its own, so that the next one sees what others have stored while this one waited.
      PERFORM 1 FROM chat WHERE id IN (SELECT chat_id FROM removed) ORDER BY id FOR UPDATE;
      UPDATE chat SET
        message_count = message_count - sums.messages,
        total_tokens = total_tokens - sums.tokens,
        last_message_at = (SELECT max(created_at) FROM message WHERE message.chat_id = chat.id)
      FROM (
        SELECT chat_id, count(*) AS messages,
          sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0)) AS tokens
        FROM removed GROUP BY chat_id
      ) AS sums
      WHERE chat.id = sums.chat_id;
      RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER message_removed AFTER DELETE ON message REFERENCING OLD TABLE AS removed
      FOR EACH STATEMENT EXECUTE FUNCTION message_removed()
    """,
)

_MINE = "owner_id = nullif(current_setting('penstock.actor', true), '')::uuid"
# As a value, which is looked up by its key. Whether there is such a message Postgres finds out by going through all of
# the owner's, as long as it has not counted them: for each message that comes in.
_OF_MINE = f"{_MINE} AND owner_id = (SELECT message.owner_id FROM message WHERE message.id = message_id)"


def upgrade() -> None:
    """Put triggers for each statement in the place of the one for each row."""
    if op.get_bind().dialect.name == "postgresql":
        for statement in _STATEMENTS:
            op.execute(statement)
        op.execute(f"ALTER POLICY owner_only ON message_search USING ({_MINE}) WITH CHECK ({_OF_MINE})")
