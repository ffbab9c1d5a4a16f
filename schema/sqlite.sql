-- The sample of Lucarne for SQLite: a small help desk with users, tickets and change_log.
--
-- Every row is made here by arithmetic on its number and lists of phrases, so the same rows come each time.
-- schema/postgres.sql and schema/mysql.sql make the same ones; the tests compare them, so change all three together.
-- Numbers come from a cross join of digits: MariaDB and MySQL stop a recursion at 1000 rows, and the files read alike.
--
-- Moments are text in UTC such as 2026-01-31T13:05:00Z. Values that begin with "planted-" stand where a real
-- database has its secrets: none of them may ever leave the service.

PRAGMA foreign_keys = ON;

BEGIN;

-- "Lucr": how the sample is told from any other SQLite file.
PRAGMA application_id = 1282761586;

CREATE TABLE users (
    id INTEGER PRIMARY KEY,
    email VARCHAR(120) NOT NULL UNIQUE,
    first_name VARCHAR(60) NOT NULL,
    last_name VARCHAR(60) NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('admin', 'agent', 'customer')),
    is_super_admin BOOLEAN NOT NULL DEFAULT 0,
    is_active BOOLEAN NOT NULL DEFAULT 1,
    company VARCHAR(80),
    locale VARCHAR(10) NOT NULL,
    timezone VARCHAR(40) NOT NULL,
    preferences JSON CHECK (preferences IS NULL OR json_valid(preferences)),
    created_at DATETIME NOT NULL,
    last_login_at DATETIME,
    password_hash TEXT NOT NULL,
    totp_secret TEXT,
    api_key TEXT,
    auth_token TEXT NOT NULL
);

CREATE TABLE tickets (
    id INTEGER PRIMARY KEY,
    title VARCHAR(200) NOT NULL,
    body TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('open', 'pending', 'solved', 'closed')),
    priority TEXT CHECK (priority IN ('low', 'normal', 'high', 'urgent')),
    user_id INTEGER NOT NULL REFERENCES users (id),
    assignee_id INTEGER REFERENCES users (id),
    tags JSON NOT NULL CHECK (json_valid(tags)),
    custom_fields JSON CHECK (custom_fields IS NULL OR json_valid(custom_fields)),
    amount NUMERIC(10, 2),
    satisfaction REAL,
    is_escalated BOOLEAN NOT NULL DEFAULT 0,
    due_on DATE,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
    closed_at DATETIME,
    webhook_secret TEXT
);

CREATE TABLE change_log (
    id INTEGER PRIMARY KEY,
    ticket_id INTEGER NOT NULL REFERENCES tickets (id),
    user_id INTEGER REFERENCES users (id),
    action VARCHAR(20) NOT NULL,
    field VARCHAR(40),
    old_value TEXT,
    new_value TEXT,
    payload JSON NOT NULL CHECK (json_valid(payload)),
    created_at DATETIME NOT NULL
);

INSERT INTO users
WITH
    digit(d) AS (
        SELECT 0 UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4
        UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9
    ),
    series(n) AS (
        SELECT 1 + ones.d + 10 * tens.d + 100 * hundreds.d
        FROM digit AS ones CROSS JOIN digit AS tens CROSS JOIN digit AS hundreds
        WHERE hundreds.d < 2
    ),
    -- Remainders of squares, which look thrown and are the same on every engine.
    dice AS (
        SELECT n, n / 8 AS turn, (n * n * 613 + n * 7919 + 11) % 9973 AS a,
            (n * n * 389 + n * 6113 + 29) % 10007 AS b
        FROM series
    ),
    born AS (
        -- The 72 first ones were there before the first ticket, the others came one by one.
        SELECT dice.*, 1730678400 + CASE WHEN n = 1 THEN -35000000 WHEN n <= 72
            THEN (n - 73) * 470000 - a * 7 ELSE (n - 72) * 470000 - 200000 + a * 7 END AS epoch
        FROM dice
    ),
    place(k, locale, timezone) AS (
        SELECT 0, 'en-IN', 'Asia/Kolkata' UNION ALL SELECT 1, 'en-US', 'America/Chicago'
        UNION ALL SELECT 2, 'de-DE', 'Europe/Berlin' UNION ALL SELECT 3, 'fr-FR', 'Europe/Paris'
        UNION ALL SELECT 4, 'pl-PL', 'Europe/Warsaw' UNION ALL SELECT 5, 'es-MX', 'America/Mexico_City'
        UNION ALL SELECT 6, 'pt-BR', 'America/Sao_Paulo' UNION ALL SELECT 7, 'zh-CN', 'Asia/Shanghai'
    ),
    -- Five names for each place, with the spelling that an address can have.
    person(k, first_name, first_plain, last_name, last_plain) AS (
        SELECT 0, 'Priya', 'priya', 'Sharma', 'sharma'
        UNION ALL SELECT 1, 'Arjun', 'arjun', 'Iyer', 'iyer'
        UNION ALL SELECT 2, 'Ananya', 'ananya', 'Banerjee', 'banerjee'
        UNION ALL SELECT 3, 'Rohan', 'rohan', 'Patel', 'patel'
        UNION ALL SELECT 4, 'Meera', 'meera', 'Reddy', 'reddy'
        UNION ALL SELECT 5, 'Olivia', 'olivia', 'Carter', 'carter'
        UNION ALL SELECT 6, 'Marcus', 'marcus', 'O''Neill', 'oneill'
        UNION ALL SELECT 7, 'Grace', 'grace', 'Whitfield', 'whitfield'
        UNION ALL SELECT 8, 'Ethan', 'ethan', 'Brooks', 'brooks'
        UNION ALL SELECT 9, 'Naomi', 'naomi', 'Hayes', 'hayes'
        UNION ALL SELECT 10, 'Jürgen', 'juergen', 'Müller', 'mueller'
        UNION ALL SELECT 11, 'Käthe', 'kaethe', 'Schäfer', 'schaefer'
        UNION ALL SELECT 12, 'Lukas', 'lukas', 'Groß', 'gross'
        UNION ALL SELECT 13, 'Svenja', 'svenja', 'Weber', 'weber'
        UNION ALL SELECT 14, 'Jörg', 'joerg', 'Krüger', 'krueger'
        UNION ALL SELECT 15, 'Zoé', 'zoe', 'Lefèvre', 'lefevre'
        UNION ALL SELECT 16, 'Hélène', 'helene', 'Bérenger', 'berenger'
        UNION ALL SELECT 17, 'François', 'francois', 'Dupré', 'dupre'
        UNION ALL SELECT 18, 'Théo', 'theo', 'Rouvière', 'rouviere'
        UNION ALL SELECT 19, 'Amélie', 'amelie', 'Besançon', 'besancon'
        UNION ALL SELECT 20, 'Łukasz', 'lukasz', 'Wójcik', 'wojcik'
        UNION ALL SELECT 21, 'Małgorzata', 'malgorzata', 'Łuczak', 'luczak'
        UNION ALL SELECT 22, 'Agnieszka', 'agnieszka', 'Zając', 'zajac'
        UNION ALL SELECT 23, 'Paweł', 'pawel', 'Gołąb', 'golab'
        UNION ALL SELECT 24, 'Zofia', 'zofia', 'Dąbek', 'dabek'
        UNION ALL SELECT 25, 'Íñigo', 'inigo', 'Núñez', 'nunez'
        UNION ALL SELECT 26, 'Lucía', 'lucia', 'Peña', 'pena'
        UNION ALL SELECT 27, 'Andrés', 'andres', 'Ibáñez', 'ibanez'
        UNION ALL SELECT 28, 'Begoña', 'begona', 'Muñoz', 'munoz'
        UNION ALL SELECT 29, 'Tomás', 'tomas', 'Ávila', 'avila'
        UNION ALL SELECT 30, 'João', 'joao', 'Gonçalves', 'goncalves'
        UNION ALL SELECT 31, 'Thaís', 'thais', 'Araújo', 'araujo'
        UNION ALL SELECT 32, 'Otávio', 'otavio', 'Simões', 'simoes'
        UNION ALL SELECT 33, 'Luísa', 'luisa', 'Galvão', 'galvao'
        UNION ALL SELECT 34, 'Conceição', 'conceicao', 'Brandão', 'brandao'
        UNION ALL SELECT 35, '伟', 'wei', '王', 'wang'
        UNION ALL SELECT 36, '芳', 'fang', '陈', 'chen'
        UNION ALL SELECT 37, '明', 'ming', '刘', 'liu'
        UNION ALL SELECT 38, '丽', 'li', '赵', 'zhao'
        UNION ALL SELECT 39, '静', 'jing', '黄', 'huang'
    ),
    firm(k, company) AS (
        SELECT 0, 'Harbour & Pine' UNION ALL SELECT 1, 'Kestrel Freight' UNION ALL SELECT 2, 'Blaue Brücke GmbH'
        UNION ALL SELECT 3, 'Maison Clairière' UNION ALL SELECT 4, 'Północ Logistyka' UNION ALL SELECT 5, 'Café Ñandú'
        UNION ALL SELECT 6, 'Rio Claro Têxtil' UNION ALL SELECT 7, '青石科技' UNION ALL SELECT 8, 'Quillback Foods'
        UNION ALL SELECT 9, 'Ostrander Tools' UNION ALL SELECT 10, 'Tidewater Clinic'
        UNION ALL SELECT 11, 'Second Street Books' UNION ALL SELECT 12, 'Juniper Schools'
    )
SELECT
    n,
    CASE WHEN n = 1 THEN 'admin@example.com' ELSE given.first_plain || '.' || family.last_plain
        || CASE n % 3 WHEN 0 THEN '@example.com' WHEN 1 THEN '@example.org' ELSE '@example.net' END END,
    CASE WHEN n = 1 THEN 'Admin' ELSE given.first_name END,
    CASE WHEN n = 1 THEN 'User' ELSE family.last_name END,
    CASE WHEN n <= 2 THEN 'admin' WHEN n <= 12 THEN 'agent' ELSE 'customer' END,
    n = 1,
    n % 14 <> 7,
    CASE WHEN n <= 12 THEN 'Lucarne Help Desk' WHEN n % 10 = 3 THEN NULL ELSE firm.company END,
    place.locale,
    place.timezone,
    CASE
        WHEN n % 9 = 4 THEN NULL
        WHEN n % 9 = 1 THEN '{"theme":"dark","language":"' || place.locale || '","smtp":{"host":"mail.example.com",'
            || '"port":587,"password":"planted-smtp-password-' || n || '"}}'
        WHEN n % 9 = 2 THEN '{"theme":"light","integrations":[{"name":"chat","enabled":true,'
            || '"api_key":"planted-integration-key-' || n || '"},{"name":"calendar","enabled":false}]}'
        ELSE '{"theme":"' || CASE n % 2 WHEN 0 THEN 'light' ELSE 'dark' END || '","language":"' || place.locale
            || '","notifications":{"email":' || CASE n % 5 WHEN 0 THEN 'false' ELSE 'true' END
            || ',"digest":"weekly","quiet_hours":[20,7]},"page_size":' || (25 + 25 * (n % 3)) || '}' END,
    strftime('%Y-%m-%dT%H:%M:%SZ', epoch, 'unixepoch'),
    strftime('%Y-%m-%dT%H:%M:%SZ', CASE WHEN n <= 12 THEN 1794800000 - b * 60 WHEN n % 11 <> 6
        THEN epoch + 600 + (1794800000 - epoch) / 97 * (b % 97) END, 'unixepoch'),
    'planted-password-hash-' || n,
    CASE WHEN n % 3 = 1 THEN 'planted-totp-secret-' || n END,
    CASE WHEN n % 4 = 1 THEN 'planted-api-key-' || n END,
    'planted-auth-token-' || n
FROM born
-- LEFT JOIN, though each finds its row: SQLite would otherwise begin with every mix of the phrases.
LEFT JOIN place ON place.k = n % 8
LEFT JOIN person AS given ON given.k = n % 8 * 5 + turn % 5
LEFT JOIN person AS family ON family.k = n % 8 * 5 + (turn / 5 + turn) % 5
LEFT JOIN firm ON firm.k = a % 13;

INSERT INTO tickets
WITH
    digit(d) AS (
        SELECT 0 UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4
        UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9
    ),
    series(n) AS (
        SELECT 1 + ones.d + 10 * tens.d + 100 * hundreds.d + 1000 * thousands.d
        FROM digit AS ones CROSS JOIN digit AS tens CROSS JOIN digit AS hundreds CROSS JOIN digit AS thousands
        WHERE thousands.d < 4
    ),
    dice AS (
        SELECT n,
            (n * n % 9973 * 613 + n * 7919 + 11) % 9973 AS a,
            (n * n % 10007 * 389 + n * 6113 + 29) % 10007 AS b,
            (n * n % 10009 * 271 + n * 5021 + 37) % 10009 AS c,
            (n * n % 10037 * 827 + n * 4273 + 41) % 10037 AS d,
            (n * n % 10039 * 149 + n * 3571 + 53) % 10039 AS e,
            (n * n % 10061 * 503 + n * 2909 + 67) % 10061 AS f
        FROM series
    ),
    -- The desk works from six in the morning to eight at night, Monday to Saturday: working days are
    -- numbered, then spread over the weeks.
    shift AS (
        SELECT dice.*, (n * 13737 + a % 9000) / 86400 AS shift_day, (n * 13737 + a % 9000) % 86400 AS shift_second
        FROM dice
    ),
    opened AS (
        SELECT shift.*, shift_day / 6 * 7 + shift_day % 6 AS day_number,
            1730678400 + (shift_day / 6 * 7 + shift_day % 6) * 86400 + 21600 + shift_second * 14 / 24 AS epoch,
            CASE WHEN n > 3980 THEN CASE WHEN b % 3 < 2 THEN 'open' ELSE 'pending' END
                WHEN n > 3900 THEN CASE WHEN b % 10 < 4 THEN 'open' WHEN b % 10 < 7 THEN 'pending' ELSE 'solved' END
                WHEN n > 3300 THEN CASE WHEN b % 20 < 4 THEN 'open' WHEN b % 20 < 6 THEN 'pending'
                    WHEN b % 20 < 9 THEN 'solved' ELSE 'closed' END
                ELSE CASE WHEN b % 40 < 1 THEN 'open' WHEN b % 40 < 2 THEN 'pending'
                    WHEN b % 40 < 4 THEN 'solved' ELSE 'closed' END END AS state,
            CASE WHEN c % 31 = 0 THEN NULL WHEN d % 50 < 9 THEN 'low' WHEN d % 50 < 35 THEN 'normal'
                WHEN d % 50 < 46 THEN 'high' ELSE 'urgent' END AS urgency
        FROM shift
    ),
    product(k, label, slug) AS (
        SELECT 0, 'the mobile app', 'mobile' UNION ALL SELECT 1, 'the web portal', 'portal'
        UNION ALL SELECT 2, 'the invoice archive', 'invoices' UNION ALL SELECT 3, 'the reports page', 'reports'
        UNION ALL SELECT 4, 'the team calendar', 'calendar' UNION ALL SELECT 5, 'the shared inbox', 'inbox'
        UNION ALL SELECT 6, 'the public API', 'api' UNION ALL SELECT 7, 'the customer list', 'customers'
        UNION ALL SELECT 8, 'the payment page', 'payments' UNION ALL SELECT 9, 'the shipping module', 'shipping'
        UNION ALL SELECT 10, 'the partner site', 'partners'
    ),
    issue(k, before_label, after_label, tag, symptom) AS (
        SELECT 0, 'Cannot sign in to ', '', 'login',
            'I cannot sign in: the page reloads and asks for my password again, without any message.'
        UNION ALL SELECT 1, '', ' is very slow', 'performance',
            'Every click takes ten seconds or more, and some pages never finish loading.'
        UNION ALL SELECT 2, 'Error 500 from ', '', 'bug',
            'It answers "Something went wrong" with a reference number and nothing else.'
        UNION ALL SELECT 3, 'Wrong totals in ', '', 'billing',
            'The totals do not match our books; the difference is always the tax of the last line.'
        UNION ALL SELECT 4, 'Missing records in ', ' after the update', 'data',
            'About forty records that were there last week are gone, all of them from one branch.'
        UNION ALL SELECT 5, 'How do I set up ', ' for a second team?', 'question',
            'We have a second team now and would like it to work apart from the first one.'
        UNION ALL SELECT 6, 'Duplicate entries in ', '', 'data',
            'Each entry appears twice, the copy a few seconds after the original.'
        UNION ALL SELECT 7, '', ' shows the wrong time zone', 'bug',
            'All times are one hour early since the clocks changed, and reminders come too soon.'
        UNION ALL SELECT 8, 'No e-mail from ', '', 'email',
            'The confirmation never arrives, neither in the inbox nor in the junk folder.'
        UNION ALL SELECT 9, 'Charged twice for ', '', 'refund',
            'The same amount left our account on two days running, with two different receipts.'
        UNION ALL SELECT 10, 'Accented letters are broken in ', '', 'bug',
            'Names such as Müller, Łuczak or 王伟 come out as question marks.'
        UNION ALL SELECT 11, 'Attachment refused by ', '', 'files',
            'A PDF of 12 MB is refused as too large, though the page speaks of 25 MB.'
        UNION ALL SELECT 12, 'Feature request: dark mode for ', '', 'feature',
            'Half of us work at night and the white background is hard on the eyes.'
        UNION ALL SELECT 13, 'Two-factor code refused by ', '', 'login',
            'The six digits are refused every time, although the clock of my phone is right.'
        UNION ALL SELECT 14, 'Download from ', ' ends halfway', 'files',
            'The file stops at about 60 % and cannot be opened.'
        UNION ALL SELECT 15, 'Permission denied in ', ' for a new colleague', 'access',
            'She has the same role as everyone else and still sees an empty list.'
        UNION ALL SELECT 16, 'Please remove my old data from ', '', 'privacy',
            'Under our agreement everything older than three years has to go.'
    ),
    opening(k, phrase) AS (
        SELECT 0, 'Hello,' UNION ALL SELECT 1, 'Hi there,' UNION ALL SELECT 2, 'Good morning,'
        UNION ALL SELECT 3, 'Dear support team,' UNION ALL SELECT 4, 'Hello again,'
    ),
    since(k, phrase) AS (
        SELECT 0, 'It began yesterday afternoon.'
        UNION ALL SELECT 1, 'It has been like this since the release of last week.'
        UNION ALL SELECT 2, 'It comes and goes, mostly in the morning.'
        UNION ALL SELECT 3, 'I noticed it today for the first time.'
        UNION ALL SELECT 4, 'Only one of our three offices sees it.'
        UNION ALL SELECT 5, 'A colleague reported the same a month ago.'
        UNION ALL SELECT 6, 'Nothing has changed on our side.'
    ),
    tried(k, phrase) AS (
        SELECT 0, 'I have cleared the cache and tried another browser.'
        UNION ALL SELECT 1, 'We restarted everything twice.'
        UNION ALL SELECT 2, 'I followed the steps of your help page up to the last one.'
        UNION ALL SELECT 3, 'Signing out and in again helps for a few minutes.'
        UNION ALL SELECT 4, 'It is the same on my phone and without the VPN.'
        UNION ALL SELECT 5, 'Our own technician found nothing in the firewall.'
        UNION ALL SELECT 6, 'I removed the account and added it again, without success.'
        UNION ALL SELECT 7, 'A screenshot is attached.'
    ),
    impact(k, phrase) AS (
        SELECT 0, 'Five people cannot work at the moment.'
        UNION ALL SELECT 1, 'It is a nuisance rather than an emergency.'
        UNION ALL SELECT 2, 'We have to close the month on Friday.'
        UNION ALL SELECT 3, 'Our customers have begun to ask.' UNION ALL SELECT 4, 'For now we keep a list by hand.'
        UNION ALL SELECT 5, 'Two deliveries are late because of it.'
    ),
    ask(k, phrase) AS (
        SELECT 0, 'Could you have a look?' UNION ALL SELECT 1, 'Please tell me what else you need.'
        UNION ALL SELECT 2, 'Is there a way round it until it is mended?'
        UNION ALL SELECT 3, 'A call this week would be welcome.' UNION ALL SELECT 4, 'When may we expect an answer?'
        UNION ALL SELECT 5, 'Please confirm once it is done.'
        UNION ALL SELECT 6, 'Should this go to somebody else, please pass it on.'
    )
SELECT
    n,
    CASE WHEN issue.before_label = '' THEN 'T' || substr(product.label, 2) ELSE issue.before_label || product.label END
        || issue.after_label,
    replace(opening.phrase || '~' || issue.symptom || ' It concerns ' || product.label || '. ' || since.phrase || '~~'
        || tried.phrase || ' ' || impact.phrase || ' ' || ask.phrase || '~~' || requester.first_name,
        '~', char(10)),
    state,
    urgency,
    requester.id,
    CASE WHEN state <> 'open' OR f % 3 = 0 THEN 3 + e % 10 END,
    CASE WHEN f % 19 = 0 THEN '[]' ELSE '["' || issue.tag || '","' || product.slug || '"'
        || CASE WHEN f % 7 = 0 THEN ',"vip"' ELSE '' END || ']' END,
    CASE f % 5
        WHEN 0 THEN NULL
        WHEN 1 THEN '{"browser":"' || CASE e % 3 WHEN 0 THEN 'Firefox' WHEN 1 THEN 'Chrome' ELSE 'Safari' END
            || '","os":"' || CASE d % 3 WHEN 0 THEN 'Windows 11' WHEN 1 THEN 'macOS 15' ELSE 'Ubuntu 24.04' END || '"}'
        WHEN 2 THEN '{"order":{"number":' || (10000 + n) || ',"lines":' || (1 + e % 9)
            || ',"currency":"EUR"},"reorder":null}'
        WHEN 3 THEN '{"device":{"app_version":"4.' || (e % 12) || '.' || (d % 5) || '","languages":["'
            || requester.locale || '","en"]},"beta":' || CASE WHEN d % 4 = 0 THEN 'true' ELSE 'false' END || '}'
        ELSE '{"crm":{"account":"A-' || (1000 + requester.id) || '","client_secret":"planted-crm-client-secret-' || n
            || '"},"seats":' || (5 * (1 + e % 40)) || '}' END,
    CASE WHEN issue.tag IN ('billing', 'refund') OR f % 8 = 0 THEN (500 + e * 37) / 100.0 END,
    CASE WHEN state IN ('solved', 'closed') AND f % 3 = 1 THEN 5 - d % 5 * (e % 3) * 0.5 END,
    CASE WHEN urgency = 'urgent' THEN e % 2 = 0 ELSE f % 23 = 0 END,
    CASE WHEN c % 10 < 7 THEN date('2024-11-04', '+' || (day_number + 2 + c % 12) || ' days') END,
    strftime('%Y-%m-%dT%H:%M:%SZ', epoch, 'unixepoch'),
    strftime('%Y-%m-%dT%H:%M:%SZ', epoch + c * 16 + CASE state WHEN 'closed' THEN 442800 ELSE 10800 END, 'unixepoch'),
    strftime('%Y-%m-%dT%H:%M:%SZ', CASE WHEN state = 'closed' THEN epoch + c * 16 + 442800 END, 'unixepoch'),
    CASE WHEN f % 6 = 0 THEN 'planted-webhook-secret-' || n END
FROM opened
-- LEFT JOIN, though each finds its row: SQLite would otherwise begin with every mix of the phrases.
LEFT JOIN product ON product.k = a % 11
LEFT JOIN issue ON issue.k = b % 17
LEFT JOIN opening ON opening.k = c % 5
LEFT JOIN since ON since.k = d % 7
LEFT JOIN tried ON tried.k = e % 8
LEFT JOIN impact ON impact.k = f % 6
LEFT JOIN ask ON ask.k = a % 7
-- Only somebody who was there already can have asked: the later the ticket, the more there are.
LEFT JOIN users AS requester ON requester.id = 13 + d % (60 + n * 127 / 4000);

-- The log tells how each ticket came to be as it is; its numbers follow the time.
INSERT INTO change_log
WITH event AS (
    SELECT id AS ticket_id, 0 AS step, user_id, 'created' AS action, NULL AS field, NULL AS old_value,
        title AS new_value, created_at,
        '{"before":null,"after":{"status":"open","priority":' || COALESCE('"' || priority || '"', 'null')
            || '},"source":{"channel":"' || CASE id % 3 WHEN 0 THEN 'email' WHEN 1 THEN 'web' ELSE 'phone' END
            || '","address":"192.0.2.' || (1 + id % 250) || '"}}' AS payload
    FROM tickets
    UNION ALL
    SELECT id, 1, assignee_id, 'assigned', 'assignee_id', NULL, '' || assignee_id,
        strftime('%Y-%m-%dT%H:%M:%SZ', created_at, '+' || (300 + id % 50 * 60) || ' seconds'),
        '{"before":{"assignee_id":null},"after":{"assignee_id":' || assignee_id || '}}'
    FROM tickets WHERE assignee_id IS NOT NULL AND id % 4 = 1
    UNION ALL
    SELECT id, 2, NULL, 'updated', 'priority', 'normal', '' || priority,
        strftime('%Y-%m-%dT%H:%M:%SZ', created_at, '+' || (3600 + id % 50 * 60) || ' seconds'),
        '{"before":{"priority":"normal"},"after":{"priority":"' || priority || '"},"rule":{"name":"Premium customers",'
            || '"conditions":[{"field":"company","operator":"in"}]}}'
    FROM tickets WHERE priority IN ('high', 'urgent') AND id % 5 = 2
    UNION ALL
    SELECT id, 3, assignee_id, 'commented', 'comment', NULL, CASE id % 4 WHEN 0 THEN 'Reproduced on a test account.'
            WHEN 1 THEN 'Asked for the reference number.' WHEN 2 THEN 'Same cause as last week; linked.'
            ELSE 'Called back, nobody answered.' END,
        strftime('%Y-%m-%dT%H:%M:%SZ', created_at, '+' || (6600 + id % 40 * 30) || ' seconds'),
        '{"before":null,"after":{"comment":{"public":' || CASE id % 2 WHEN 0 THEN 'true' ELSE 'false' END || '}}}'
    FROM tickets WHERE assignee_id IS NOT NULL AND id % 9 = 5
    UNION ALL
    SELECT id, 4, NULL, 'notified', NULL, NULL, NULL,
        strftime('%Y-%m-%dT%H:%M:%SZ', created_at, '+' || (8400 + id % 40 * 30) || ' seconds'),
        '{"before":null,"after":{"delivered":true,"attempts":' || (1 + id % 3) || '},"webhook":{"url":'
            || '"https://hooks.example.net/tickets/' || id || '","token":"planted-log-token-' || id
            || '","targets":[{"name":"chat","oauth":{"client_id":"desk","client_secret":"planted-log-client-secret-'
            || id || '"}}]}}'
    FROM tickets WHERE id % 29 = 7
    UNION ALL
    SELECT id, 5, CASE WHEN status <> 'closed' THEN assignee_id END, 'updated', 'status', 'open', '' || status,
        updated_at,
        '{"before":{"status":"open"},"after":{"status":"' || status || '"}}'
    FROM tickets WHERE status <> 'open'
)
SELECT row_number() OVER (ORDER BY created_at, ticket_id, step), ticket_id, user_id, action, field, old_value,
    new_value, payload, created_at
FROM event;

CREATE INDEX tickets_status_id ON tickets (status, id);
CREATE INDEX tickets_user_id ON tickets (user_id);
CREATE INDEX tickets_assignee_id ON tickets (assignee_id);
CREATE INDEX tickets_created_at ON tickets (created_at);
CREATE INDEX change_log_ticket_id ON change_log (ticket_id);
CREATE INDEX change_log_user_id ON change_log (user_id);
CREATE INDEX change_log_created_at ON change_log (created_at);

COMMIT;
