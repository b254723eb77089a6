"""The database: engines, transactions, schema, migrations. Stores hold the statements; the domain is unknown here."""
