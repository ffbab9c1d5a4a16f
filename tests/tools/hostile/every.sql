SELECT id FROM tickets; SELECT 1 AS one
SELECT id FROM tickets; DROP TABLE tickets
SELECT id FROM tickets;; SELECT id FROM users
DELETE FROM tickets
UPDATE tickets SET title = 'x'
INSERT INTO tickets (id) VALUES (99)
DROP TABLE tickets
CREATE TABLE made (id INTEGER)
CREATE VIEW made AS SELECT id FROM users
ALTER TABLE tickets ADD made INTEGER
TRUNCATE TABLE tickets
WITH x AS (SELECT 1 AS one) DELETE FROM tickets
WITH x AS (DELETE FROM tickets RETURNING id) SELECT id FROM x
WITH x AS (UPDATE tickets SET id = 1 RETURNING id) SELECT id FROM x
SELECT id INTO made FROM tickets
SELECT id FROM tickets FOR UPDATE
SELECT * FROM tickets
SELECT t.* FROM tickets t
SELECT id FROM (SELECT * FROM users) AS d
SELECT COUNT(u.*) AS n FROM users u
SELECT id, id FROM tickets
SELECT id AS a, title AS a FROM tickets
SELECT word FROM unlisted
SELECT t.id FROM tickets t, unlisted u
SELECT password_hash AS x FROM users
SELECT id FROM users WHERE password_hash = 'x'
SELECT id FROM users ORDER BY password_hash
SELECT COUNT(*) AS n FROM users GROUP BY password_hash
SELECT COUNT(*) AS n FROM users HAVING MAX(password_hash) > 'a'
SELECT (SELECT MAX(password_hash) FROM users) AS x FROM tickets
SELECT id FROM tickets t WHERE EXISTS (SELECT 1 FROM users u WHERE u.password_hash = t.title)
SELECT t.id FROM tickets t JOIN users u ON u.password_hash = t.title
SELECT t.id FROM users t JOIN users u USING (password_hash)
SELECT t.title FROM tickets t NATURAL JOIN users u
SELECT ROW_NUMBER() OVER (PARTITION BY password_hash) AS n FROM users
SELECT SUM(id) OVER (ORDER BY password_hash) AS n FROM users
SELECT SUM(id) OVER w AS n FROM users WINDOW w AS (ORDER BY password_hash)
WITH w AS (SELECT id, password_hash AS p FROM users) SELECT id FROM w
WITH RECURSIVE w AS (SELECT id, password_hash AS p FROM users UNION ALL SELECT id + 1, p FROM w WHERE id < 0) SELECT id FROM w
WITH users AS (SELECT 1 AS id) SELECT id FROM users
WITH RECURSIVE tickets AS (SELECT 1 AS id UNION ALL SELECT id + 1 FROM tickets WHERE id < 9) SELECT id FROM tickets
SELECT name FROM users UNION SELECT password_hash FROM users
SELECT name FROM users UNION ALL SELECT word FROM unlisted
SELECT name FROM users EXCEPT SELECT password_hash FROM users
SELECT name FROM users INTERSECT SELECT word FROM unlisted
SELECT d.x AS x FROM (SELECT password_hash AS x FROM users) AS d
SELECT CASE WHEN password_hash LIKE 'a%' THEN 1 ELSE 0 END AS x FROM users
SELECT COALESCE(password_hash, '') AS x FROM users
SELECT id FROM users WHERE id IN (SELECT id FROM unlisted)
SELECT id FROM users WHERE id = $1
SELECT id FROM users WHERE id = ?
SELECT id FROM users WHERE id = :nobody
SELECT id FROM users WHERE id = @x
SELECT id FROM users /*! WHERE 1 = 0 */
SELECT id FROM users /*!50000 UNION SELECT word FROM unlisted */
SELECT id /* open FROM users
SELECT id FROM users WHERE name = 'open
EXPLAIN SELECT id FROM users
VALUES (1)
TABLE users
SET x = 1
BEGIN
COMMIT; SELECT id FROM users
GRANT SELECT ON users TO PUBLIC
SELECT load_extension('x') AS x
SELECT nosuch(id) AS x FROM users
SELECT current_user AS x
SELECT session_user AS x
SELECT id FROM users TABLESAMPLE BERNOULLI (10)
SELECT secret_note AS x FROM tickets
SELECT id FROM tickets UNION TABLE users
SELECT x.id FROM (TABLE users) AS x
SELECT id FROM tickets t WHERE EXISTS (TABLE users)
SELECT oid AS x FROM users
SELECT _rowid_ AS x FROM (SELECT id FROM users) AS d
SELECT `a``b` AS x FROM users
SELECT id FROM users WHERE id IN unlisted
SELECT id FROM users WHERE id IN (SELECT id FROM users WHERE password_hash > 'a')
SELECT id FROM users ORDER BY (SELECT MAX(u.password_hash) FROM users u)
SELECT id FROM users LIMIT (SELECT COUNT(password_hash) FROM users)
SELECT id FROM users LIMIT 1 OFFSET (SELECT MAX(id) FROM unlisted)
SELECT MAX(id) OVER (ORDER BY id ROWS BETWEEN (SELECT MAX(id) FROM unlisted) PRECEDING AND CURRENT ROW) AS x FROM users
SELECT COUNT(CASE WHEN password_hash > 'a' THEN 1 END) AS x FROM users
SELECT ZEROBLOB(9) AS x
