"""Finding messages by what is in them (B8): every three neighbouring characters of a message are indexed.

That finds parts of words, and scripts that put no spaces between words, alike. The database keeps the index by
triggers, so that no code path can let it drift. On SQLite it is an FTS5 table, on Postgres a `tsvector` of trigrams
under a GIN index: it needs no extension, which the role that migrates may not be allowed to create. There each trigram
begins with a few characters of its owner's id, so that a search costs what its owner has, not what all have.

The last trigrams of a text are shorter, on SQLite filled with spaces: what has one or two characters is found as the
beginning of a trigram. Chats that were made for programs are in no list and are not searched.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0019"
down_revision = "0018"

Id = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
Big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Grams = sa.Text().with_variant(postgresql.TSVECTOR(), "postgresql")

LONGEST = 200_000
"""Characters of a message that are indexed."""
MOST_GRAMS = 50_000
"""Of one message on Postgres, where a `tsvector` takes a megabyte. Texts that people write have far fewer."""


def upgrade() -> None:
    """Make the index, fill it from the messages that are there, and let triggers keep it."""
    op.create_table(
        "message_search",
        sa.Column("number", Big, sa.Identity(always=False), nullable=False, comment="later messages have greater ones"),
        sa.Column("message_id", Id, nullable=False),
        sa.Column("owner_id", Id, nullable=False),
        sa.Column("grams", Grams, nullable=True, comment="on Postgres; SQLite has them in message_grams"),
        sa.ForeignKeyConstraint(
            ["message_id"], ["message.id"], name="fk_message_search_message_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("number", name="pk_message_search"),
        sa.UniqueConstraint("message_id", name="uq_message_search_message_id"),
    )
    if op.get_bind().dialect.name == "postgresql":
        _upgrade_postgres()
    else:
        for statement in _SQLITE:
            op.execute(sa.text(statement))


_SQLITE = (
    """
    CREATE VIRTUAL TABLE message_grams
    USING fts5(text, content='', detail=none, columnsize=0, tokenize='trigram')
    """,
    "CREATE VIRTUAL TABLE message_trigram USING fts5vocab(message_grams, row)",
    """
    INSERT INTO message_search (message_id, owner_id)
    SELECT message.id, message.owner_id FROM message JOIN chat ON chat.id = chat_id
    WHERE origin IS NULL ORDER BY message.id
    """,
    f"""
    INSERT INTO message_grams (rowid, text)
    SELECT number, substr(text, 1, {LONGEST}) || '  ' FROM message_search JOIN message ON id = message_id
    ORDER BY number
    """,
    f"""
    CREATE TRIGGER message_found AFTER INSERT ON message
    WHEN (SELECT origin FROM chat WHERE id = NEW.chat_id) IS NULL BEGIN
      INSERT INTO message_search (message_id, owner_id) VALUES (NEW.id, NEW.owner_id);
      INSERT INTO message_grams (rowid, text)
        SELECT number, substr(NEW.text, 1, {LONGEST}) || '  ' FROM message_search WHERE message_id = NEW.id;
    END
    """,
    # An index without the text itself has to be told what it forgets.
    f"""
    CREATE TRIGGER message_found_anew AFTER UPDATE OF text ON message WHEN OLD.text IS NOT NEW.text BEGIN
      INSERT INTO message_grams (message_grams, rowid, text)
        SELECT 'delete', number, substr(OLD.text, 1, {LONGEST}) || '  '
        FROM message_search WHERE message_id = NEW.id;
      INSERT INTO message_grams (rowid, text)
        SELECT number, substr(NEW.text, 1, {LONGEST}) || '  ' FROM message_search WHERE message_id = NEW.id;
    END
    """,
    f"""
    CREATE TRIGGER message_lost BEFORE DELETE ON message BEGIN
      INSERT INTO message_grams (message_grams, rowid, text)
        SELECT 'delete', number, substr(OLD.text, 1, {LONGEST}) || '  '
        FROM message_search WHERE message_id = OLD.id;
    END
    """,
)


def _upgrade_postgres() -> None:
    # Lower case of all scripts is ICU's; a Postgres without it knows that of its own locale.
    icu = op.get_bind().scalar(sa.text("SELECT 1 FROM pg_collation WHERE collname = 'und-x-icu' LIMIT 1"))
    for statement in _postgres_functions('COLLATE "und-x-icu"' if icu else ""):
        op.execute(statement)
    # As a role that sees all rows: whoever migrates need not be one.
    for statement in (*_POLICIES, "SET LOCAL ROLE penstock_system", _FILL, "RESET ROLE", *_POSTGRES_TRIGGERS):
        op.execute(statement)
    op.create_index(
        "ix_message_search_grams",
        "message_search",
        ["grams"],
        postgresql_using="gin",
        # What is inserted waits in a list that every search reads: a short one.
        postgresql_with={"gin_pending_list_limit": "256"},
    )


def _postgres_functions(collation: str) -> tuple[str, ...]:
    return (
        f"""
        CREATE FUNCTION message_grams(owner uuid, body text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
          SELECT coalesce(array_to_tsvector(array_agg(gram)), ''::tsvector) FROM (
            SELECT DISTINCT (right(owner::text, 4) || first || coalesce(second, '') || coalesce(third, ''))
              COLLATE "C" AS gram
            FROM (SELECT string_to_array(lower(left(body, {LONGEST}) {collation}), NULL) AS list) AS characters,
              unnest(list, list[2:], list[3:]) AS neighbours (first, second, third)
            WHERE first IS NOT NULL LIMIT {MOST_GRAMS}
          ) AS grams
        $$
        """,
        f"""
        CREATE FUNCTION message_query(owner uuid, terms text[]) RETURNS tsquery LANGUAGE sql IMMUTABLE AS $$
          SELECT string_agg(
            '''' || replace(replace(right(owner::text, 4) || gram, '\\', '\\\\'), '''', '''''') || ''''
              || CASE WHEN length(gram) < 3 THEN ':*' ELSE '' END,
            ' & ')::tsquery
          FROM unnest(terms) AS raw, lower(raw {collation}) AS term,
            generate_series(1, greatest(1, length(term) - 2)) AS place, substr(term, place, 3) AS gram
        $$
        """,
    )


_FILL = """
    INSERT INTO message_search (message_id, owner_id, grams)
    SELECT message.id, message.owner_id, message_grams(message.owner_id, text)
    FROM message JOIN chat ON chat.id = chat_id WHERE origin IS NULL ORDER BY message.id
"""

_POSTGRES_TRIGGERS = (
    """
    CREATE FUNCTION message_found() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF TG_OP = 'INSERT' THEN
        INSERT INTO message_search (message_id, owner_id, grams)
        SELECT NEW.id, NEW.owner_id, message_grams(NEW.owner_id, NEW.text)
        FROM chat WHERE chat.id = NEW.chat_id AND origin IS NULL;
      ELSE
        UPDATE message_search SET owner_id = NEW.owner_id, grams = message_grams(NEW.owner_id, NEW.text)
        WHERE message_id = NEW.id;
      END IF;
      RETURN NULL;
    END $$
    """,
    "CREATE TRIGGER message_found AFTER INSERT ON message FOR EACH ROW EXECUTE FUNCTION message_found()",
    """
    CREATE TRIGGER message_found_anew AFTER UPDATE OF text, owner_id ON message FOR EACH ROW
    WHEN (OLD.text IS DISTINCT FROM NEW.text OR OLD.owner_id IS DISTINCT FROM NEW.owner_id)
    EXECUTE FUNCTION message_found()
    """,
)

_MINE = "owner_id = nullif(current_setting('penstock.actor', true), '')::uuid"
# Foreign keys look past policies; the inner query is subject to the policy of message itself.
_OF_MINE = f"{_MINE} AND EXISTS (SELECT 1 FROM message WHERE message.id = message_id)"
_POLICIES = (
    "ALTER TABLE message_search ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE message_search FORCE ROW LEVEL SECURITY",
    f"CREATE POLICY owner_only ON message_search TO penstock_app USING ({_OF_MINE}) WITH CHECK ({_OF_MINE})",
    "CREATE POLICY system_all ON message_search TO penstock_system USING (true) WITH CHECK (true)",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON message_search TO penstock_app, penstock_system",
)
