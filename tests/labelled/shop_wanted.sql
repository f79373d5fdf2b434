-- Statements whose best index is known; see wanted.sql.

-- quoted eq citext
--: shop.Users (Email)...
SELECT "Id", "UserName" FROM shop."Users" WHERE "Email" = 'user77@mail.org';

-- enum rare
--: shop.Users (...) WHERE state = 'suspended'... | shop.Users (state)...
SELECT * FROM shop."Users" WHERE state = 'suspended';

-- admin flag
--: shop.Users (...) WHERE is_admin... | shop.Users (is_admin)
SELECT * FROM shop."Users" WHERE is_admin;

-- not deleted + eq
--: shop.Users (UserName)... | shop.Users (UserName) WHERE deleted_at IS NULL
SELECT * FROM shop."Users" WHERE "UserName" = 'Name77' AND deleted_at IS NULL;

-- never seen
--: shop.Users (last_seen...)...
SELECT * FROM shop."Users" WHERE last_seen IS NOT NULL ORDER BY last_seen DESC LIMIT 20;

-- json nested
--: shop.Users (...settings...)
SELECT * FROM shop."Users" WHERE settings->'plan'->>'seats' = '77';

-- json path operator
--: shop.Users (...settings #>> ...)
SELECT * FROM shop."Users" WHERE settings #>> '{plan,seats}' = '99';

-- json containment nested
--: shop.Users USING gin (settings jsonb_path_ops)
SELECT * FROM shop."Users" WHERE settings @> '{"plan": {"seats": 55}}';

-- escalated
--: shop.tickets (...) WHERE status = 'escalated' | shop.tickets (status...)
SELECT id, subject FROM shop.tickets WHERE status = 'escalated';

-- open by priority
--: shop.tickets (org_id, priority...) | shop.tickets (org_id...priority...
SELECT id, subject FROM shop.tickets WHERE org_id = 55 AND priority >= 3 ORDER BY created_at DESC LIMIT 10;

-- assignee join
--: shop.tickets (assignee...)...
--: shop.Users (UserName)...
SELECT t.id, t.subject FROM shop."Users" u JOIN shop.tickets t ON t.assignee = u."Id" WHERE u."UserName" = 'Name99';

-- view
--: shop.tickets (...) WHERE closed_at IS NULL... | shop.tickets (...updated_at...) | shop.tickets (closed_at...)
SELECT id, subject FROM shop.open_tickets WHERE updated_at > '2024-02-15' ORDER BY updated_at LIMIT 20;

-- cte
--: shop.messages (ticket_id...)...
WITH t AS (SELECT id FROM shop.tickets WHERE org_id = 9 AND status = 'open') SELECT m.* FROM shop.messages m JOIN t ON t.id = m.ticket_id;

-- labels any
--: shop.tickets USING gin (labels)
SELECT id FROM shop.tickets WHERE labels @> '{l77}';

-- fts column
--: shop.tickets USING gin (search)
SELECT id FROM shop.tickets WHERE search @@ plainto_tsquery('english', 'word77');

-- fts concat expr
--: shop.tickets USING gin (...to_tsvector...)
SELECT id FROM shop.tickets WHERE to_tsvector('english', coalesce(subject,'') || ' ' || coalesce(body,'')) @@ websearch_to_tsquery('english', 'word99');

-- trgm subject
--: shop.tickets USING gin (subject ...gin_trgm_ops)
SELECT * FROM shop.tickets WHERE subject ILIKE '%c4ca4238%';

-- similar
--: shop.products USING gi...trgm_ops)
SELECT * FROM shop.products WHERE title % 'Product c4ca4238a0b923820dcc509a6f75849b';

-- regex
--: shop.products USING gin (title ...gin_trgm_ops)
SELECT * FROM shop.products WHERE title ~ 'abc[0-9]def';

-- recent unread
--: shop.messages (...) WHERE NOT read...
SELECT * FROM shop.messages WHERE read = false ORDER BY sent DESC LIMIT 25;

-- unread is false
--: shop.messages (...) WHERE ...read... | shop.messages (sender...)
SELECT id FROM shop.messages WHERE read IS FALSE AND sender = 'sender77';

-- sender latest
--: shop.messages (sender, sent...)...
SELECT * FROM shop.messages WHERE sender = 'sender5' ORDER BY sent DESC LIMIT 1;

-- date of sent
--: shop.messages (...sent...)
SELECT count(*) FROM shop.messages WHERE sent::date = date '2023-02-02';

-- date_trunc hour
--: shop.messages (...date_trunc...)
SELECT count(*) FROM shop.messages WHERE date_trunc('hour', sent) = timestamp '2023-02-02 03:00';

-- extract hour/month
--: shop.messages (...EXTRACT...)
SELECT count(*) FROM shop.messages WHERE extract(doy from sent) = 33;

-- hstore
--: shop.messages USING gin (attrs)
SELECT * FROM shop.messages WHERE attrs @> 'k7=>v57';

-- ltree
--: shop.messages USING gist (path)
SELECT * FROM shop.messages WHERE path <@ 'root.a7.b87';

-- partitioned eq
--: shop.readings (sensor...)...
SELECT * FROM shop.readings WHERE sensor = 77 AND ts BETWEEN '2023-01-20' AND '2023-02-10';

-- partitioned last
--: shop.readings (sensor, ts...)...
SELECT val FROM shop.readings WHERE sensor = 5 ORDER BY ts DESC LIMIT 1;

-- room and range
--: shop.rooms_booked USING gist (room, stay) | shop.rooms_booked (room) | shop.rooms_booked USING gist (stay)
SELECT * FROM shop.rooms_booked WHERE room = 5 AND stay && daterange('2021-01-01','2021-01-05');

-- range alone
--: shop.rooms_booked USING gist (stay) | shop.rooms_booked USING gist (room, stay)
SELECT * FROM shop.rooms_booked WHERE stay @> date '2022-03-03';

-- nearest
--: shop.branches USING ...gist (loc)
SELECT * FROM shop.branches ORDER BY loc <-> '(50,50)'::point LIMIT 3;

-- circle
--: shop.branches USING ...gist (loc)
SELECT * FROM shop.branches WHERE loc <@ circle '((50,50),1)';

-- polygon
--: shop.branches USING ...gist (zone)
SELECT * FROM shop.branches WHERE zone @> polygon '((5,5),(5,5.1),(5.1,5.1))';

-- cidr
--: shop.branches USING ...gist (ip...)
SELECT * FROM shop.branches WHERE ip >>= inet '7.7.7.7';

-- audit brin
--: shop.audit USING brin (at)
SELECT action, count(*) FROM shop.audit WHERE at >= '2023-01-05' AND at < '2023-01-08' GROUP BY action;

-- audit actor
--: shop.audit (actor...)...
SELECT * FROM shop.audit WHERE actor = 'actor5' ORDER BY at DESC LIMIT 10;

-- price top
--: shop.products (category_id, price...)... | shop.products (category_id, active, price)
SELECT * FROM shop.products WHERE category_id = 7 AND active ORDER BY price LIMIT 5;

-- int array overlap
--: shop.products USING gin (tags)
SELECT id FROM shop.products WHERE tags && ARRAY[5, 6];

-- upper
--: shop.products (...upper...)
SELECT * FROM shop.products WHERE upper(title) = 'PRODUCT X';

-- token hash
--: shop.tokens USING hash (token)
SELECT user_id FROM shop.tokens WHERE token = 'abcdef';

-- fk delete
--: shop.messages (ticket_id)...
SELECT count(*) FROM shop.messages WHERE ticket_id IN (SELECT id FROM shop.tickets WHERE org_id = 70);

-- or
--: shop.messages (sender...)...
--: shop.messages (ticket_id)...
SELECT * FROM shop.messages WHERE sender = 'sender7' OR ticket_id = 55;

-- lateral
--: shop.messages (ticket_id, sent...)... | shop.messages (ticket_id)...
SELECT t.id, m.content FROM shop.tickets t CROSS JOIN LATERAL (SELECT content FROM shop.messages m WHERE m.ticket_id = t.id ORDER BY sent DESC LIMIT 1) m WHERE t.org_id = 12;

-- distinct on
--: shop.messages (sender, sent...)... | shop.messages (sender)...
SELECT DISTINCT ON (ticket_id) * FROM shop.messages WHERE sender = 'sender9' ORDER BY ticket_id, sent DESC;

-- starts with varchar
--: shop.products (sku...)... | shop.products (title...)
SELECT * FROM shop.products WHERE title LIKE 'Product abc%';

-- update by expr
--: shop.tokens (expires)
DELETE FROM shop.tokens WHERE expires < now();

-- null assignee
--: shop.tickets (...) WHERE ...status = 'escalated' | shop.tickets (...) WHERE assignee IS NULL... | shop.tickets (assignee...)...
SELECT id FROM shop.tickets WHERE assignee IS NULL AND status = 'escalated';

-- coalesce sort
--: shop.tickets (...COALESCE...)
SELECT id FROM shop.tickets ORDER BY coalesce(closed_at, updated_at) DESC LIMIT 10;
