#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Records the order in which a real nginx hands connections to weighted servers: one line for each
# weight vector, "WEIGHTS: INDEX INDEX ...", two periods long. Run by hand, as root or not; its output
# is smooth_wrr_nginx.txt, the oracle of smooth_wrr_test.cc. It uses ports of 127.0.0.1 only, and stops
# the nginx it started.
set -eu
module=$(find /usr/lib /usr/share -name ngx_stream_module.so 2>/dev/null | head -n 1)
dir=$(mktemp -d)
base=${BASE_PORT:-21000}
trap 'test -s "$dir/pid" && kill "$(cat "$dir/pid")"; sleep 0.2; rm -rf "$dir"' EXIT

record() {
    weights=$1
    {
        test -z "$module" || echo "load_module $module;"
        echo "worker_processes 1; pid $dir/pid; error_log $dir/error.log;"
        echo 'events { worker_connections 64; } stream {'
        n=0
        for weight in $weights; do
            echo "server { listen 127.0.0.1:$((base + 1 + n)); return $n; }"
            n=$((n + 1))
        done
        echo 'upstream all {'
        n=0
        for weight in $weights; do
            echo "server 127.0.0.1:$((base + 1 + n)) weight=$weight;"
            n=$((n + 1))
        done
        echo "} server { listen 127.0.0.1:$base; proxy_pass all; } }"
    } >"$dir/nginx.conf"
    nginx -p "$dir" -e "$dir/error.log" -c "$dir/nginx.conf"
    total=0
    for weight in $weights; do total=$((total + weight)); done
    printf '%s:' "$weights"
    python3 - "$base" $((2 * total)) <<'PYTHON'
import socket
import sys

for _ in range(int(sys.argv[2])):
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as s:
        print(" " + s.recv(16).decode(), end="")
PYTHON
    echo
    pid=$(cat "$dir/pid")
    kill -QUIT "$pid"
    while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
    rm -f "$dir/pid"
}

for weights in '1' '1 1 1' '5 1 1' '1 5 1' '1 1 5' '2 4 6' '3 2 1' '1 2 3 4' '7 3' '4 4 1 1' '10 1 1 1 1' \
    '2 2 2 3' '13 11 7 5 3' '6 9 15' '100 1'; do
    record "$weights"
done
