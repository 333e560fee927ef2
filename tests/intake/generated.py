"""Sổ lớn: a register of many invented dossiers, made by the database itself in seconds; for plans and for measuring."""

from typing import Any

DOSSIERS = """
INSERT INTO dossier (id, state, code, procedure, desk, desk_code, territory, channel, received_at, components, findings,
                     contact_channels, sealed_form, accepted_at, accepted_by, promise)
SELECT id, state, CASE WHEN accepted THEN desk || to_char(at, '-YYMMDD-') || lpad(n::text, 7, '0') END,
       jsonb_build_object('code', procedure, 'version', 1, 'name', 'Thủ tục ' || procedure),
       jsonb_build_object('code', desk, 'name', 'Bộ phận Một cửa ' || desk, 'territory', '00004'),
       desk, '00004', CASE WHEN n % 20 = 3 THEN 'post' WHEN n % 3 = 0 THEN 'counter' ELSE 'online' END, at,
       '[{"code": "to-khai", "name": "Tờ khai", "originals": 1}, {"code": "cho-o", "name": "Chỗ ở", "copies": 1}]',
       '[]', '["sms"]', repeat('x', $3), CASE WHEN accepted THEN at END, CASE WHEN accepted THEN 'cb-01' END,
       CASE WHEN accepted THEN jsonb_build_object('due_at', at + (1 + n % 30) * interval '1 day', 'counted_from', at,
            'term', '{"text": "7 ngày làm việc", "unit": "working_day", "amount": 7}'::jsonb) END
FROM (
    SELECT n, at, 'H26.' || 10 + n % 13 || '.' || 10 + n / 13 % 10 AS desk, '1.' || 104000 + n % 199 * 31 AS procedure,
           ('0190' || lpad(to_hex(n), 8, '0') || substr(md5(n::text), 1, 20))::uuid AS id,
           CASE WHEN n % 60 = 7 AND $4::timestamptz - at < interval '9 days' THEN 'submitted'
                WHEN n % 97 = 5 AND $4::timestamptz - at < interval '40 days' THEN 'supplement_requested'
                ELSE 'accepted' END AS state,
           NOT (n % 60 = 7 AND $4::timestamptz - at < interval '9 days') AS accepted
    FROM (
        SELECT n, $4::timestamptz - ($5 - n) * (interval '370 days' / $5) - interval '1 minute' AS at
        FROM generate_series($1::int, $2::int) AS n
    ) AS numbered
) AS one
"""
PROGRESS = """
INSERT INTO progress (dossier_id, expects_clock, clock_number, clock_paused_number, settled, agency_code, agency_name,
                      routed_at, handed_over_at, completed_at, result)
SELECT id, true, 0, 0, true, 'G01.26.' || 10 + spread % 83 || '.01', 'Cơ quan', received_at, received_at,
       CASE WHEN done < $1::timestamptz THEN done END, CASE WHEN done < $1::timestamptz THEN 'approved' END
FROM (
    SELECT id, received_at, abs(hashtext(id::text)::bigint) AS spread,
           received_at + abs(hashtext(id::text)::bigint) % 26 * interval '1 day' AS done
    FROM dossier WHERE state = 'accepted' AND received_at < $1::timestamptz - interval '1 hour'
) AS one
"""
CHUNK = 50_000


async def generate(connection: Any, count: int, now: Any, sealed_length: int = 100) -> None:
    """`count` dossiers of 130 desks, 199 procedures and 83 agencies, received in the 370 days before `now`."""
    for first in range(1, count + 1, CHUNK):
        last = min(count, first + CHUNK - 1)
        await connection.execute(DOSSIERS, first, last, sealed_length, now, count, timeout=300)
    await connection.execute(PROGRESS, now, timeout=300)
