#!/bin/sh
# Makes the role that Lucarne connects with: it may read the tables of the sample and nothing else.
# The image of PostgreSQL runs this once, after postgres.sql.
set -eu

# psql reads the password itself, and quotes it: it is in no argument and no environment.
psql --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" <<'SQL'
\set password `cat /run/secrets/reader_password`
CREATE ROLE lucarne_reader LOGIN PASSWORD :'password' CONNECTION LIMIT 40;
ALTER ROLE lucarne_reader SET default_transaction_read_only = on;
GRANT SELECT ON users, tickets, change_log TO lucarne_reader;
SQL
