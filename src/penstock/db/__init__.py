"""The database: engines, transactions, schema, migrations. Stores hold the statements; nothing here knows the domain."""
