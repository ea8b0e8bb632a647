#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Records what a real nginx says about each *.conf of this folder: its first [emerg] or [warn] line
# without time, process id and this folder's path, or "ok", into NAME.expected. Run by hand when a case
# is added; config_messages_test.cc compares weir's parser with the records. It must never run in the
# test suite itself: the records are the oracle.
set -eu
cd "$(dirname "$0")"
here=$(pwd)
module=$(find /usr/lib /usr/share -name ngx_stream_module.so 2>/dev/null | head -n 1)
for conf in *.conf; do
    out=$(nginx -t -c "$here/$conf" -g "load_module $module;" 2>&1 || true)
    line=$(printf '%s\n' "$out" | grep -m 1 -E '\[(emerg|warn)\]' || echo ok)
    printf '%s\n' "$line" | sed -E -e 's/^.*\[(emerg|warn)\]( [0-9]+#[0-9]+:)? /[\1] /' \
        -e "s|$here/||g" >"${conf%.conf}.expected"
done
