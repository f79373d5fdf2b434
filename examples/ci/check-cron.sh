#!/bin/sh
# For cron, which mails what is printed. Nothing is printed while nothing is wrong:
#
#   MAILTO=dba@example.com
#   17 * * * * dbtune DBTUNE_PROFILE=prod /usr/local/bin/check-cron.sh
#
# Findings that are known are kept out by a baseline: dbtune check --write-baseline "$BASELINE"
set -eu
BASELINE="${BASELINE:-}"
# cron has no UTF-8 locale and a short PATH.
export LC_ALL="${LC_ALL:-C.UTF-8}" PATH="$PATH:/usr/local/bin:$HOME/.local/bin"

status=0
report=$(dbtune check --fail-on "${FAIL_ON:-warning}" --quiet --color never \
    ${BASELINE:+--baseline "$BASELINE"} 2>&1) || status=$?
if [ "$status" -ne 0 ]; then
    printf '%s\n' "$report"
fi
exit "$status"
