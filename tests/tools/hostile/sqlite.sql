PRAGMA table_info(users)
SELECT name FROM pragma_table_info('users')
SELECT name FROM pragma_table_info('users') AS p
SELECT sql FROM sqlite_master
SELECT sql FROM sqlite_schema
SELECT sql FROM sqlite_temp_master
SELECT name FROM dbstat
ATTACH 'other.db' AS other
DETACH main
VACUUM INTO 'other.db'
REINDEX
ANALYZE
SAVEPOINT a
REPLACE INTO users (id) VALUES (1)
SELECT readfile('/etc/passwd') AS x
SELECT writefile('/tmp/x', name) AS x FROM users
SELECT edit(name) AS x FROM users
SELECT fts3_tokenizer('simple') AS x
SELECT randomblob(100000000) AS x
SELECT random() AS x
SELECT sqlite_version() AS x
SELECT sqlite_compileoption_get(1) AS x
SELECT last_insert_rowid() AS x
SELECT changes() AS x
SELECT id FROM main.users
SELECT id FROM "main"."users"
SELECT id FROM [main].[users]
SELECT id FROM temp.users
SELECT main.users.password_hash AS x FROM users
SELECT id FROM users INDEXED BY x
SELECT id FROM users NOT INDEXED
SELECT rowid AS x FROM users
SELECT _rowid_ AS x FROM users
SELECT j.value AS x FROM json_each('[1]') AS j
SELECT value AS x FROM users, json_each(users.name)
SELECT id FROM users WHERE users MATCH 'x'
SELECT id FROM users WHERE id = ?1
SELECT id FROM users WHERE id = $x
SELECT id FROM users WHERE id IN unlisted
SELECT `password_hash` AS x FROM users
SELECT [password_hash] AS x FROM users
SELECT GROUP_CONCAT(password_hash) AS x FROM users
WITH w(p) AS (SELECT password_hash FROM users) SELECT p FROM w
SELECT users.rowid AS x FROM users
SELECT rowid AS x FROM (SELECT id FROM users) AS d
SELECT [rowid] AS x FROM users
SELECT `oid` AS x FROM users
SELECT u.id FROM users u JOIN json_tree('{}') AS j ON 1
SELECT value AS x FROM generate_series(1, 9)
SELECT total_changes() AS x
SELECT sqlite_source_id() AS x
SELECT id FROM users WHERE id IN json_each
SELECT name FROM sqlite_sequence
SELECT x FROM bytecode('SELECT 1')
SELECT 'a' AS x FROM users WHERE users = 'a'
SELECT "a""b" AS x FROM (SELECT id AS "a""b" FROM users) AS d
SELECT users.'password_hash' AS x FROM users
SELECT id FROM users u JOIN users v USING ('password_hash')
