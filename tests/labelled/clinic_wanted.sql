-- Statements whose best index is known, each by building it and reading buffers; see wanted.sql.

-- django iexact on a domain's type
--: patient ((upper((email)::text)))... | patient (...upper(...email...)...)
SELECT "patient"."id", "patient"."mrn" FROM "patient" WHERE UPPER("patient"."email"::text) = UPPER('patient.4711@mail.example') LIMIT 21;

-- citext equality
--: patient (email)...
SELECT p.id, p.mrn FROM patient AS p WHERE p.email = 'PATIENT.4712@mail.example';

-- django istartswith
--: patient ((upper((familyName)::text)) text_pattern_ops)...
SELECT "patient"."id", "patient"."familyName" FROM "patient" WHERE UPPER("patient"."familyName"::text) LIKE UPPER('A0ff8%');

-- name and birth date
--: patient (birth_date, familyName)... | patient (birth_date)... | patient (familyName, birth_date)... | patient (...birth_date...)
SELECT * FROM patient WHERE "familyName" = 'D3d9446' AND birth_date = DATE '1971-04-05';

-- generated column
--: patient (full_name)...
SELECT id, mrn, birth_date FROM patient WHERE full_name = 'D3d9446, Given77';

-- birthday
--: patient (...EXTRACT...birth_date...)
SELECT id, full_name FROM patient WHERE EXTRACT(month FROM birth_date) = 5 AND EXTRACT(day FROM birth_date) = 7;

-- json column of an address
--: patient (((address ->> 'zip'::text)))... | patient ((address ->> 'zip'::text))... | patient USING gin (address jsonb_path_ops)
SELECT id, full_name FROM patient WHERE address->>'zip' = '04711' AND deceased_at IS NULL;

-- merged records
--: patient (merged_into)... | patient (...) WHERE merged_into IS NOT NULL
SELECT a.id, b.id AS target, b.mrn FROM patient a JOIN patient b ON b.id = a.merged_into WHERE a.merged_into IS NOT NULL;

-- anywhere in a name
--: patient USING gin (familyName ...gin_trgm_ops) | patient USING gin (full_name ...gin_trgm_ops)
SELECT id, full_name FROM patient WHERE "familyName" ILIKE '%3d944%' ORDER BY "familyName" LIMIT 30;

-- inpatients of a ward
--: encounter (ward_id...) WHERE discharged_at IS NULL | encounter (...ward_id) WHERE discharged_at IS NULL | encounter (...) WHERE discharged_at IS NULL
SELECT e.id, e.patient_id, e.admitted_at FROM encounter e WHERE e.ward_id = 40 AND e.discharged_at IS NULL ORDER BY e.admitted_at;

-- inpatients by a view
--: encounter (ward_id...) WHERE discharged_at IS NULL | encounter (...) WHERE discharged_at IS NULL
SELECT * FROM inpatient WHERE ward_id = 33;

-- keyset pages
--: encounter (ward_id, admitted_at...)...
SELECT id, patient_id, admitted_at FROM encounter WHERE ward_id = 7 AND (admitted_at, id) < ('2024-08-01 12:00+00', 199000) ORDER BY admitted_at DESC, id DESC LIMIT 50;

-- day in a zone
--: encounter (...AT TIME ZONE...)...
SELECT count(*) FROM encounter WHERE (admitted_at AT TIME ZONE 'Europe/Berlin')::date = '2024-03-05';

-- diagnosis of readmitted patients
--: encounter (diagnosis)...
SELECT e.id, r.id FROM encounter e JOIN encounter r ON r.patient_id = e.patient_id AND r.id <> e.id AND r.admitted_at BETWEEN e.discharged_at AND e.discharged_at + interval '30 days' WHERE e.diagnosis = 'I50.1';

-- one or the other
--: encounter (attending_id)...
--: encounter (diagnosis)...
SELECT id, kind, charge FROM encounter WHERE attending_id = 9077 OR diagnosis = 'Q77.3';

-- dear stays
--: encounter (charge...)...
SELECT id, patient_id, charge FROM encounter ORDER BY charge DESC FETCH FIRST 20 ROWS ONLY;

-- end or begin
--: encounter ((COALESCE(discharged_at, admitted_at)))...
SELECT id FROM encounter WHERE COALESCE(discharged_at, admitted_at) BETWEEN '2024-05-05 10:00+00' AND '2024-05-05 12:00+00';

-- last value each by lateral
--: observation (encounter_id...)... | observation (code, encounter_id...)...
--: encounter (ward_id...) WHERE discharged_at IS NULL | encounter (...) WHERE discharged_at IS NULL
SELECT e.id, v.value, v.taken_at FROM encounter e LEFT JOIN LATERAL (SELECT o.value, o.taken_at FROM observation o WHERE o.encounter_id = e.id AND o.code = 'L3' ORDER BY o.taken_at DESC LIMIT 1) v ON true WHERE e.ward_id = 50 AND e.discharged_at IS NULL;

-- distinct on of partitions
--: observation (encounter_id...)...
SELECT DISTINCT ON (code) code, value, taken_at FROM observation WHERE encounter_id = 388123 ORDER BY code, taken_at DESC;

-- row numbers in a subquery
--: observation (encounter_id...)...
SELECT * FROM (SELECT o.*, row_number() OVER (PARTITION BY o.encounter_id, o.code ORDER BY o.taken_at DESC) AS rn FROM observation o WHERE o.encounter_id = ANY ('{381001,381002,381003}'::bigint[])) t WHERE rn = 1;

-- critical flags
--: observation USING gin (flags) | observation (...) WHERE flags IS NOT NULL | observation (taken_at...)...
SELECT encounter_id, code, value FROM observation WHERE flags @> ARRAY['critical'] AND taken_at >= '2025-04-20' AND taken_at < '2025-04-23';

-- rare code
--: observation (code, taken_at...)... | observation (code...)...
SELECT date_trunc('hour', o.taken_at AT TIME ZONE 'Europe/Berlin') AS h, avg(o.value) FROM observation o WHERE o.code = 'L179' AND o.taken_at >= '2025-02-01' GROUP BY 1 ORDER BY 1;

-- drug orders by list
--: med_order (drug_id...)...
SELECT m.id, m.dose FROM med_order m WHERE m.drug_id = ANY ('{20005,20017,20099}') AND m.cancelled_at IS NULL;

-- exists with a prefix
--: med_order (drug_id...)... | med_order (...) WHERE state = 'active'
SELECT d.id, d.name FROM drug d WHERE d.atc LIKE 'N02%' AND EXISTS (SELECT 1 FROM med_order m WHERE m.drug_id = d.id AND m.state = 'active');

-- active today
--: med_order (...) WHERE state = 'active'... | med_order (state...)...
SELECT m.id, m.encounter_id, m.drug_id FROM med_order m WHERE m.state = 'active' AND m.priority >= 3 ORDER BY m.ordered_at;

-- range of two columns
--: med_order USING gist ((daterange(starts_on, ends_on, '[]'::text)))
SELECT id, encounter_id FROM med_order WHERE daterange(starts_on, ends_on, '[]') @> DATE '2024-02-02' AND is_prn;

-- cancelled lately
--: med_order (cancelled_at...)... | med_order (...) WHERE cancelled_at IS NOT NULL
SELECT id, remark FROM med_order WHERE cancelled_at >= '2025-03-01' ORDER BY cancelled_at DESC;

-- job queue
--: lab_job (priority DESC, scheduled_for) WHERE state = 'queued' | lab_job (state, priority DESC, scheduled_for) | lab_job (...) WHERE state = 'queued'...
SELECT id, analyzer, payload FROM lab_job WHERE state = 'queued' AND scheduled_for <= '2025-07-01' ORDER BY priority DESC, scheduled_for LIMIT 10 FOR UPDATE SKIP LOCKED;

-- take a job
--: lab_job (...) WHERE state = 'queued'... | lab_job (analyzer, state...)... | lab_job (state, analyzer...)...
WITH next AS (SELECT j.id FROM lab_job j WHERE j.state = 'queued' AND j.analyzer = 'analyzer-3' ORDER BY j.scheduled_for LIMIT 1 FOR UPDATE SKIP LOCKED) UPDATE lab_job SET state = 'running', locked_at = now() FROM next WHERE lab_job.id = next.id RETURNING lab_job.id;

-- jobs that hang
--: lab_job (...) WHERE state = 'running' | lab_job (state, locked_at) | lab_job (...) WHERE ...'running'...
UPDATE lab_job SET state = 'queued', attempts = attempts + 1 WHERE state = 'running' AND locked_at < '2025-05-01';

-- all that is not done
--: lab_job (...) WHERE ...state... | lab_job (state...)...
SELECT id, state, last_error FROM lab_job WHERE state <> 'done' ORDER BY id;

-- number of a member
--: lab_job (...payload ->> 'tube'...)
SELECT id FROM lab_job WHERE (payload->>'tube')::bigint = 7004711;

-- text of a member
--: lab_job (...payload ->> 'orderNo'...) | lab_job USING gin (payload jsonb_path_ops)
SELECT id, state FROM lab_job WHERE payload->>'orderNo' IN ('O-4711', 'O-4712');

-- who lies there now
--: bed_stay USING gist (during) | bed_stay USING gist (bed_id, during)
SELECT bed_id, patient_id FROM bed_stay WHERE during @> TIMESTAMPTZ '2024-06-01 12:00+00';

-- free bed
--: bed_stay USING gist (bed_id, during) | bed_stay (bed_id...)... | bed_stay USING gist (during)
SELECT NOT EXISTS (SELECT FROM bed_stay WHERE bed_id = 77 AND during && tstzrange('2024-06-01', '2024-06-03'));

-- doctor's calendar
--: appointment (doctor_id...)... | appointment USING gist (doctor_id, slot) | appointment USING gist (slot)
SELECT a.id, a.slot, p.full_name FROM staff s JOIN appointment a ON a.doctor_id = s.id JOIN patient p ON p.id = a.patient_id WHERE s."licenseNo" = 'L-101077' AND a.slot && tstzrange('2025-03-01', '2025-03-08') AND NOT a.cancelled;

-- reminders
--: appointment (...) WHERE ...NOT reminder_sent... | appointment (...) WHERE ...status = 'booked'...
SELECT "appointment"."id", "appointment"."patient_id" FROM "appointment" WHERE ("appointment"."status" = 'booked' AND NOT "appointment"."reminder_sent" AND "appointment"."starts_at" <= '2025-05-02'::timestamptz) ORDER BY "appointment"."starts_at" ASC LIMIT 200;

-- in of a subquery
--: appointment (patient_id...)...
SELECT * FROM appointment WHERE patient_id IN (SELECT U0.id FROM patient U0 WHERE U0.mrn = 'M000004711') AND starts_at > '2024-01-01';

-- timeline by a view of a union
--: appointment (patient_id...)...
--: document (patient_id...)...
SELECT what, id, at FROM patient_timeline WHERE patient_id = '202fe858-fe2e-c8fb-4e01-c873f9b731d2' ORDER BY at DESC LIMIT 20;

-- contained identifier
--: document USING gin (resource jsonb_path_ops)
SELECT id FROM document WHERE resource @> '{"identifier": [{"system": "urn:lab", "value": "V4711"}]}';

-- path of members
--: document (...resource #>> ...)...
SELECT id, title FROM document WHERE resource #>> '{subject,reference}' = 'Patient/4711';

-- german words
--: document USING gin (...to_tsvector('german'::regconfig...)
SELECT id, title FROM document WHERE to_tsvector('german', title || ' ' || body) @@ websearch_to_tsquery('german', 'illness77 -sign9') LIMIT 50;

-- generated vector
--: document USING gin (words)
SELECT id FROM document, plainto_tsquery('simple', 'finding5077') q WHERE words @@ q;

-- purge
--: document (uploaded_at) WHERE deleted | document (...) WHERE deleted | document (deleted, uploaded_at)
DELETE FROM document WHERE deleted AND uploaded_at < '2024-08-01';

-- similar names
--: helipad USING gi...(name ...trgm_ops)
SELECT id, name FROM helipad WHERE name % 'c4ca4238a0b923820dcc509a6f75849b';

-- nearest pads
--: helipad USING ...gist (pos)
SELECT id, name FROM helipad ORDER BY pos <-> point(512.5, 77.1) LIMIT 3;

-- zone around a place
--: helipad USING gist (zone) | helipad USING spgist (zone)
SELECT id FROM helipad WHERE zone @> polygon(circle(point(512.5, 77.1), 0.01));

-- pings of a quarter of an hour
--: ambulance_ping USING brin (at)... | ambulance_ping (at...)...
SELECT vehicle, max(speed), min(fuel) FROM ambulance_ping WHERE at BETWEEN '2025-01-05 03:00' AND '2025-01-05 04:30' GROUP BY vehicle;

-- last ping of a vehicle
--: ambulance_ping (vehicle, at...)... | ambulance_ping (at...)...
SELECT pos, at FROM ambulance_ping WHERE vehicle = 77 ORDER BY at DESC LIMIT 1;

-- history of an entity
--: audit_event (entity_id, at...)... | audit_event (entity_id)... | audit_event (entity_id, entity...)... | audit_event (entity, entity_id...)...
SELECT at, actor_id, action FROM audit_event WHERE entity = 'patient' AND entity_id = 'd24484f3-d368-0115-b375-ddeb794ff3f3' ORDER BY at DESC LIMIT 50;

-- audit of days
--: audit_event USING brin (at)...
SELECT action, count(*) FROM audit_event WHERE at >= '2024-08-01' AND at < '2024-08-04' GROUP BY action;

-- payer's last invoices
--: invoice (payer_id, issued_on...)...
SELECT id, number, amount FROM invoice WHERE payer_id = 3 ORDER BY issued_on DESC, id DESC LIMIT 25;

-- open amounts
--: invoice (...) WHERE amount > paid... | invoice (...) WHERE paid < amount... | invoice (due_on...)... | invoice (...) WHERE ...paid...amount...
SELECT id, number, amount - paid AS rest FROM invoice WHERE paid < amount AND due_on < '2023-06-01' ORDER BY due_on;

-- paid last
--: invoice (paid_at DESC NULLS LAST)... | invoice (paid_at NULLS FIRST)...
SELECT id, number, paid_at FROM invoice ORDER BY paid_at DESC NULLS LAST LIMIT 20;

-- newest change
--: invoice (updated_at...)...
SELECT max(updated_at) AS newest FROM invoice;

-- francs
--: invoice (...) WHERE currency = 'CHF'... | invoice (currency, issued_on)...
SELECT id, amount, issued_on FROM invoice WHERE currency = 'CHF' AND issued_on BETWEEN '2024-01-01' AND '2024-01-31';

-- upsert by reference
--: invoice (external_ref)...
UPDATE invoice AS i SET paid = s.paid, paid_at = now() FROM (VALUES ('ext:77', 12.5), ('ext:78', 14.0)) AS s (ref, paid) WHERE i.external_ref = s.ref;

-- merge by reference
--: invoice (external_ref)...
MERGE INTO invoice i USING (VALUES ('ext:79', 12.5), ('ext:80', 14.0)) AS s (ref, paid) ON i.external_ref = s.ref WHEN MATCHED THEN UPDATE SET paid = s.paid;

-- invoices of an encounter
--: invoice (encounter_id...)...
SELECT e.id, sum(i.amount) FROM encounter e LEFT JOIN invoice i ON i.encounter_id = e.id WHERE e.patient_id = (SELECT id FROM patient WHERE mrn = 'M000000123') GROUP BY e.id;

-- certificate
--: device_cert USING hash (fingerprint)
SELECT device_id FROM device_cert WHERE fingerprint = 'sha512:00';

-- certificates that end
--: device_cert (expires_at)...
SELECT count(*) FROM device_cert WHERE expires_at < '2025-01-08';

-- tree
--: unit (parent_id)...
WITH RECURSIVE tree AS (SELECT id, parent_id FROM unit WHERE id = 77 UNION ALL SELECT u.id, u.parent_id FROM unit u JOIN tree t ON u.parent_id = t.id) SELECT * FROM tree;

-- shifts of a person
--: roster (staff_id...)...
SELECT r.day, r.shift, u.name FROM roster r JOIN unit u ON u.id = r.unit_id WHERE r.staff_id = 77 AND r.day BETWEEN '2024-05-01' AND '2024-05-31' ORDER BY r.day;

-- license
--: staff (licenseNo...)...
SELECT id, name FROM staff WHERE "licenseNo" = 'L-100077' AND active;
