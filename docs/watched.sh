#!/usr/bin/env bash
# What it costs to be watched: the same drain, by turns, without --http and with it, scraped each
# second; and once with 1,000 requests a second and 100 idle connections. Prints one line a run.
#
#   docs/watched.sh [RECORDS] [ROUNDS]        needs cargo build --release, on a quiet machine
set -euo pipefail
cd "$(dirname "$0")/.."
seismic=$PWD/target/release/seismic records=${1:-20000000} rounds=${2:-5} port=${PORT:-9199}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"$seismic" generate --records "$records" --quiet >/dev/null 2>&1 || "$seismic" generate --records "$records" >/dev/null

# watch MODE PID: asks for as long as the job lives.
watch() {
    python3 - "$1" "$2" "$port" <<'PY'
import http.client, os, socket, sys, time
mode, pid, port = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
idle, answers, refused = [], 0, 0
every = {"scraped": 1.0, "stormed": 0.001}[mode]
deadline, due = time.monotonic() + 600, time.monotonic()
while time.monotonic() < deadline:
    try:
        os.kill(pid, 0)
        if mode == "stormed" and len(idle) < 100:
            idle.append(socket.create_connection(("127.0.0.1", port)))
        link = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        link.request("GET", "/metrics")
        status = link.getresponse().status
        answers, refused = answers + (status == 200), refused + (status == 429)
        link.close()
    except ProcessLookupError:
        break
    except OSError:
        time.sleep(0.01)
    due = max(due + every, time.monotonic() - 1)
    time.sleep(max(0.0, due - time.monotonic()))
print(f"{answers} answers, {refused} refused, {len(idle)} idle connections", file=sys.stderr)
PY
}

# drain MODE NUMBER
drain() {
    local options=() began ended watched=
    [ "$1" = alone ] || options=(--http "127.0.0.1:$port")
    began=$(date +%s.%N)
    "$seismic" run --drain --group "$1-$2" --store "sqlite:$1-$2.db" --sink "csv:$1-$2" \
        --result-topic "rows-$1-$2" --dead-topic "dead-$1-$2" --quiet "${options[@]}" &
    local job=$!
    if [ "$1" != alone ]; then watch "$1" "$job" & watched=$!; fi
    local peak=0 now
    while kill -0 "$job" 2>/dev/null; do
        now=$(awk '/VmHWM/ {print $2}' "/proc/$job/status" 2>/dev/null || true)
        [ -z "$now" ] || peak=$now
        sleep 0.05
    done
    wait "$job"
    ended=$(date +%s.%N)
    [ -z "$watched" ] || wait "$watched"
    awk -v mode="$1" -v n="$records" -v from="$began" -v to="$ended" -v kib="$peak" \
        'BEGIN { printf "%-8s %6.2f s  %9.0f records/s  %5.0f MiB\n", mode, to - from, n / (to - from), kib / 1024 }'
    rm -rf "$1-$2" "$1-$2.db"*
}

for round in $(seq "$rounds"); do
    drain alone "$round"
    drain scraped "$round"
    drain stormed "$round"
done
