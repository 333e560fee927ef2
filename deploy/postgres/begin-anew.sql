-- In each database, by hand, where `hub restore` and `hub republish` don't reach: Kafka begins empty, so every reader
-- begins at its begin and the outbox is sent again. With -v backup=TIME (the dump's) also what a loaded dump needs:
-- nobody holds a lease any more, numbers that may have been given since are left out, steps are numbered anew.
-- psql -v ON_ERROR_STOP=1 [-v backup=2026-03-02T08:00:00+07:00] -f begin-anew.sql, while no service runs.
BEGIN;
DELETE FROM position;
INSERT INTO outbox_pending (seq)
SELECT seq FROM outbox
WHERE recorded_at > now() - interval '14 days' OR type IN (
    'procedure.published.v1', 'procedure.withdrawn.v1', 'desk.published.v1', 'unit.published.v1',
    'officer.published.v1', 'agency.published.v1'
)
ON CONFLICT DO NOTHING;
COMMIT;

\if :{?backup}
UPDATE lease SET until = '-infinity';
SELECT to_regclass('number_range') IS NOT NULL AS is_intake \gset
\if :is_intake
-- docs/decisions/0071-numbers-after-a-restore.md
WITH span AS (
    SELECT (:'backup'::timestamptz AT TIME ZONE 'Asia/Ho_Chi_Minh')::date AS since,
           (now() AT TIME ZONE 'Asia/Ho_Chi_Minh')::date AS today
), desk AS (
    SELECT desk_code AS code FROM dossier UNION SELECT split_part(key, '/', 1) FROM number_range
), gap AS (
    SELECT key, 1000 AS numbers FROM number_range WHERE key NOT LIKE '%/%/%'
    UNION
    SELECT code || '/' || to_char(day, 'YYMMDD'), 1000
    FROM desk, span, generate_series(greatest(since - 31, today - 366), today, interval '1 day') AS day
    UNION
    SELECT code || '/' || symbol || '/' || year, 1000 * (today - since + 1)
    FROM desk, span, unnest('{TNHS,YCBS,TCHS,PXL,TBDGQ,PKSHS,STDHS}'::text[]) AS symbol,
        generate_series(extract(year FROM since)::int, extract(year FROM today)::int) AS year
)
INSERT INTO number_range (key, last) SELECT key, numbers FROM gap
ON CONFLICT (key) DO UPDATE SET last = number_range.last + excluded.last;
CALL number_steps_anew();
\endif
\endif
