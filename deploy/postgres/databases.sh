#!/bin/sh
# A role and a database of its own for each service. The PostgreSQL image runs this once, on an empty data folder.
set -eu
for name in intake routing notify sla; do
    password=$(printenv "$(printf '%s' "$name" | tr '[:lower:]' '[:upper:]')_DATABASE_PASSWORD")
    psql --username "$POSTGRES_USER" --dbname postgres -v ON_ERROR_STOP=1 -v name="$name" -v password="$password" <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
REVOKE CONNECT, TEMPORARY ON DATABASE :"name" FROM PUBLIC;
SQL
done
