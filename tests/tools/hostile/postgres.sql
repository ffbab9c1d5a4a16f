SELECT set_config('default_transaction_read_only', 'off', false) AS x
SELECT current_setting('data_directory') AS x
SELECT pg_read_file('/etc/passwd') AS x
SELECT pg_read_binary_file('/etc/passwd') AS x
SELECT pg_ls_dir('.') AS x
SELECT pg_stat_file('PG_VERSION') AS x
SELECT lo_import('/etc/passwd') AS x
SELECT lo_export(1, '/tmp/x') AS x
SELECT lo_get(1) AS x
SELECT dblink('', 'SELECT 1') AS x
SELECT query_to_xml('SELECT word FROM public.unlisted', true, true, '') AS x
SELECT table_to_xml('public.unlisted', true, true, '') AS x
SELECT database_to_xml(true, true, '') AS x
SELECT cursor_to_xml('c', 1, true, true, '') AS x
SELECT pg_sleep(10) AS x
SELECT pg_terminate_backend(1) AS x
SELECT pg_advisory_lock(1) AS x
SELECT nextval('s') AS x
SELECT pg_notify('a', 'b') AS x
SELECT txid_current() AS x
SELECT pg_relation_size('users') AS x
SELECT has_table_privilege('unlisted', 'SELECT') AS x
SELECT inet_server_addr() AS x
SELECT random() AS x
SELECT version() AS x
SELECT pg_catalog.pg_read_file('/etc/passwd') AS x
SELECT id FROM public.users
SELECT id FROM "public"."users"
SELECT relname FROM pg_class
SELECT relname FROM pg_catalog.pg_class
SELECT rolpassword FROM pg_authid
SELECT column_name FROM information_schema.columns
SELECT g.x AS x FROM generate_series(1, 1000000000) AS g (x)
SELECT x FROM unnest(ARRAY[1, 2]) AS x
SELECT x FROM ROWS FROM (generate_series(1, 2)) AS x
SELECT u.id, d.p AS p FROM users u CROSS JOIN LATERAL (SELECT u.password_hash AS p) AS d
SELECT u.id, d.p AS p FROM users u, LATERAL (SELECT x.password_hash AS p FROM users x WHERE x.id = u.id) AS d
SELECT u.id, d.w AS w FROM users u LEFT JOIN LATERAL (SELECT x.word AS w FROM unlisted x) AS d ON true
SELECT 'public.unlisted'::regclass AS x
SELECT CAST('public.unlisted' AS regclass) AS x
SELECT CAST('(1,2)' AS public.users) AS x
COPY users TO PROGRAM 'cat'
COPY (SELECT 1) TO STDOUT
DO 'BEGIN END'
SELECT $$a$$ AS x
SELECT $a$ ' $a$ AS x
SELECT E'a\'' AS x
SELECT U&'\0061' AS x
SELECT id FROM ONLY users
SELECT 1 OPERATOR(public.+) 1 AS x
SELECT name COLLATE public.other AS x FROM users
LISTEN a
NOTIFY a
PREPARE a AS SELECT 1
DECLARE c CURSOR FOR SELECT 1
LOCK TABLE users
SELECT id FROM users FOR SHARE SKIP LOCKED
SELECT id FROM users FOR NO KEY UPDATE OF users NOWAIT
SELECT ctid AS x FROM users
SELECT xmin AS x FROM users
SELECT tableoid AS x FROM users
SELECT u FROM users u
SELECT users FROM users
SELECT to_jsonb(u) AS x FROM users u
SELECT row_to_json(u) AS x FROM users u
SELECT json_agg(u) AS x FROM users u
SELECT CAST(u AS text) AS x FROM users u
SELECT u::text AS x FROM users u
SELECT (u).password_hash AS x FROM users u
SELECT u.password_hash AS x FROM (SELECT id FROM users) AS u
SELECT json_populate_record(NULL, '{}') AS x
SELECT "password_hash" AS x FROM users
SELECT STRING_AGG(password_hash, ',') AS x FROM users
SELECT id FROM users WHERE id = ANY ($1)
SELECT ('/etc/passwd'::text).pg_read_file AS x
SELECT ('/etc/passwd') . pg_read_file AS x
SELECT (q.p).pg_read_file AS x FROM (SELECT '/etc/passwd'::text AS p) AS q
SELECT (1::float8).pg_sleep AS x
SELECT ('server_version'::text).current_setting AS x
SELECT (ARRAY['/etc/passwd'])[1].pg_read_file AS x
SELECT q.p[1].pg_read_file AS x FROM (SELECT ARRAY['/etc/passwd'] AS p) AS q
SELECT (users).row_to_json AS x FROM users
SELECT id FROM users ORDER BY (name)."length"
SELECT users.row_to_json AS x FROM users
SELECT u.to_jsonb AS x FROM users u
SELECT u.record_out AS x FROM (SELECT id FROM users) AS u
WITH u AS (SELECT id FROM users) SELECT u.json_agg AS x FROM u
SELECT record_out AS x FROM users
SELECT ROW(u.*) AS x FROM users u
SELECT (u.*)::text AS x FROM users u
SELECT u.* IS NULL AS x FROM users u
SELECT ROW(id, name) AS x FROM users
SELECT COUNT(u) AS x FROM users u
SELECT id FROM users u WHERE u IS NOT NULL
SELECT id FROM users u ORDER BY u
SELECT id FROM users u WHERE (u) = (u)
SELECT ARRAY(SELECT u FROM users u) AS x
SELECT CASE WHEN true THEN u END AS x FROM users u
SELECT COALESCE(u, u) AS x FROM users u
SELECT id FROM users u WHERE u IN (SELECT v FROM users v)
SELECT d FROM (SELECT id FROM users) AS d
WITH w AS (SELECT id FROM users) SELECT w FROM w
SELECT id FROM users u JOIN tickets t USING (id) AS j
SELECT xmlelement(name a, name) AS x FROM users
SELECT xmlforest(name) AS x FROM users
SELECT xpath('/a', '<a/>') AS x
SELECT u.ctid AS x FROM users u
SELECT cmin AS x FROM users
SELECT u.xmax AS x FROM users u
SELECT generate_series(1, 1000000000) AS x
SELECT regexp_split_to_table(name, '') AS x FROM users
SELECT jsonb_path_query('[1]', '$[*]') AS x
SELECT "a""b" AS x FROM (SELECT id AS "a""b" FROM users) AS d
SELECT '/etc/passwd'::text::regproc AS x
SELECT CAST('users' AS regclass) AS x
SELECT name::oid AS x FROM users
SELECT pg_typeof(u) AS x FROM users u
SELECT obj_description(1, 'pg_class') AS x
SELECT id FROM users WHERE id = ANY (SELECT u FROM users u)
SELECT a.b.c.d AS x FROM users
SELECT public.users.password_hash AS x FROM users
SELECT x.to_jsonb AS x FROM (SELECT id FROM users UNION SELECT id FROM tickets) AS x
