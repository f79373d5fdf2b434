#!/bin/sh
# A CI step: run the test suite or a load test first, then this. It fails (exit 1) when dbtune finds
# something at warning level or above in the statements that the tests sent, and passes without.
#
#   DATABASE_URL=postgresql://ci@localhost/app examples/ci/slow-queries.sh
#
# Exit codes: 0 clean, 1 findings, 2 wrong usage, 3 database unreachable, 4 something not examined.
set -eu
: "${DATABASE_URL:?set DATABASE_URL to the database that the tests used}"

exec dbtune slow-queries \
    --fail-on "${FAIL_ON:-warning}" \
    --strict \
    --format markdown \
    --output "${REPORT:-slow-queries.md}" \
    --force
