-- Statements that no index should be suggested for; see wanted.sql.

-- by key
SELECT "patient".* FROM "patient" WHERE "patient"."id" = '202fe858-fe2e-c8fb-4e01-c873f9b731d2' LIMIT 1;

-- by another key
SELECT id FROM patient WHERE mrn = 'M000004711' FOR UPDATE;

-- referential check
SELECT 1 FROM ONLY "public"."patient" x WHERE "id" OPERATOR(pg_catalog.=) '202fe858-fe2e-c8fb-4e01-c873f9b731d2' FOR KEY SHARE OF x;

-- indexed already
SELECT id, kind, admitted_at FROM encounter WHERE patient_id = '202fe858-fe2e-c8fb-4e01-c873f9b731d2' ORDER BY admitted_at DESC;

-- stored already
SELECT state, count(*) FROM med_order WHERE encounter_id = 4711 GROUP BY state;

-- beginning of a key
SELECT day, shift, count(*) FROM roster WHERE unit_id = 7 AND day = '2024-03-03' GROUP BY day, shift;

-- indexed by array
SELECT id, title FROM document WHERE tags @> ARRAY['tag1999'];

-- partial one exists
SELECT * FROM invoice WHERE paid_at IS NULL AND issued_on < '2023-02-01';

-- constant = ANY of an array
SELECT id, name FROM drug WHERE 77 = ANY (ingredients);

-- function of a path
SELECT id FROM document WHERE jsonb_path_exists(resource, '$.identifier[*] ? (@.value == "V77")');

-- month as text
SELECT count(*) FROM encounter WHERE to_char(admitted_at, 'YYYY-MM') = '2024-03';

-- stable function
SELECT count(*) FROM appointment WHERE is_weekend(starts_at);

-- nearly all
SELECT id, amount FROM invoice WHERE currency = 'EUR' AND amount >= 0;

-- most are done
SELECT channel, count(*) FROM appointment WHERE status = 'done' GROUP BY channel;

-- not one of many
SELECT clinic_id, count(*) FROM appointment WHERE status NOT IN ('noshow') GROUP BY clinic_id;

-- half
SELECT avg(CASE WHEN sex = 'f' THEN 1 ELSE 0 END) FROM patient WHERE sex IN ('f', 'm');

-- count of all
SELECT count(*) AS "__count" FROM "encounter";

-- sum of all by kind
SELECT kind, sum(charge), max(charge) FROM encounter GROUP BY ROLLUP (kind);

-- two large tables
SELECT p."familyName", sum(e.charge) FROM patient p JOIN encounter e ON e.patient_id = p.id GROUP BY p."familyName";

-- tiny table
SELECT w.* FROM ward w WHERE w.site = 'site 3' ORDER BY w.code;

-- materialized first
WITH e AS MATERIALIZED (SELECT *, random() AS r FROM encounter) SELECT * FROM e WHERE r < 0.0001;

-- any rows
SELECT * FROM audit_event LIMIT 100;

-- random order
SELECT id FROM drug ORDER BY random() LIMIT 5;

-- numbered rows
SELECT * FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM encounter) t WHERE n % 1000 = 0;

-- one letter anywhere
SELECT count(*) FROM patient WHERE "familyName" LIKE '%a%';

-- anything at the start
SELECT id FROM helipad WHERE name LIKE '%';

-- insert or update
INSERT INTO ward (id, code, site) VALUES (7, 'W7', 'site 9') ON CONFLICT (id) DO UPDATE SET site = excluded.site;

-- archive all
INSERT INTO device_cert SELECT fingerprint, device_id, expires_at FROM device_cert WHERE expires_at IS NOT NULL;

-- counter by key
UPDATE lab_job SET attempts = attempts + 1, last_error = 'E1' WHERE id = 77;

-- sample
SELECT avg(value) FROM observation TABLESAMPLE SYSTEM (1);

-- a set
SELECT clinic_id FROM appointment EXCEPT SELECT id FROM ward;

-- catalog
SELECT count(*) FROM pg_catalog.pg_class WHERE relkind = 'r';

-- no table
SELECT now(), version(), current_setting('TimeZone');

-- computed in vain
SELECT id FROM invoice WHERE amount * 1.19 > 0;

-- full join
SELECT coalesce(d.id, m.drug_id), count(m.id) FROM drug d FULL JOIN med_order m ON m.drug_id = d.id GROUP BY 1;
