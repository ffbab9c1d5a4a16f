-- The store: tenants, their databases, and their tokens.
--
-- Times are milliseconds since 1970 in UTC. Lists and limits are JSON. A token is kept as its
-- SHA-256 and its last characters; a database's URL is sealed with a key that is not kept here.

CREATE TABLE lucarne_revision (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    -- grows with each change of the tables below, but for last_used_at
    revision BIGINT NOT NULL
);
INSERT INTO lucarne_revision (only_row, revision) VALUES (1, 0);

CREATE TABLE lucarne_tenants (
    id TEXT PRIMARY KEY NOT NULL,
    name TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL,
    active BOOLEAN NOT NULL,
    row_rules TEXT NOT NULL,
    limits TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE lucarne_databases (
    id TEXT PRIMARY KEY NOT NULL,
    tenant TEXT NOT NULL REFERENCES lucarne_tenants (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    -- which key sealed the URL: a digest of it
    key_id TEXT NOT NULL,
    -- 24 bytes of nonce, then the URL sealed by XChaCha20-Poly1305
    sealed_url BLOB NOT NULL,
    models TEXT NOT NULL,
    hidden TEXT NOT NULL,
    reveal TEXT NOT NULL,
    pgbouncer BOOLEAN NOT NULL,
    -- whether each transaction names its token and tenant, for the database's own row security
    row_security BOOLEAN NOT NULL,
    -- whether it came by the admin API, and may only be where the operator allows
    guarded BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (tenant, name)
);

CREATE TABLE lucarne_tokens (
    id TEXT PRIMARY KEY NOT NULL,
    tenant TEXT NOT NULL REFERENCES lucarne_tenants (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    digest BLOB NOT NULL UNIQUE,
    suffix TEXT NOT NULL,
    -- after a rotation with an overlap: the digest before, and until when it is valid
    previous_digest BLOB,
    previous_until BIGINT,
    active BOOLEAN NOT NULL,
    expires_at BIGINT,
    last_used_at BIGINT,
    -- NULL is every model, or every tool
    models TEXT,
    tools TEXT,
    scopes TEXT NOT NULL,
    row_rules TEXT NOT NULL,
    limits TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (tenant, name)
);
