-- keys between models that the database does not tell of, as MCP_RELATIONS
ALTER TABLE lucarne_databases ADD COLUMN relations TEXT NOT NULL DEFAULT '';
