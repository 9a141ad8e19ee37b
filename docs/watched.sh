#!/usr/bin/env bash
# What it costs to be watched: the same drain, by turns, without --http and with it, scraped each
# second; with 1,000 requests a second and 100 idle connections; and followed by 100 pages, each of
# which has a stream of events. Prints one line a run, and the medians of each.
#
#   docs/watched.sh [RECORDS] [ROUNDS]        on a quiet machine, after
#   cargo build --release && cargo build --release -p seismic-benches --example requests
set -euo pipefail
cd "$(dirname "$0")/.."
seismic=$PWD/target/release/seismic requests=$PWD/target/release/examples/requests
records=${1:-20000000} rounds=${2:-5} port=${PORT:-9199}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"$seismic" generate --records "$records" --quiet >/dev/null 2>&1 || "$seismic" generate --records "$records" >/dev/null

# watch MODE: asks for as long as the job lives.
watch() {
    case $1 in
        scraped) "$requests" "127.0.0.1:$port" /metrics 1 0 ;;
        stormed) "$requests" "127.0.0.1:$port" /metrics 1000 100 ;;
        followed) "$requests" "127.0.0.1:$port" /api/v1/events follow 100 ;;
    esac
}

# drain MODE NUMBER
drain() {
    local options=() began ended watched=
    [ "$1" = alone ] || options=(--http "127.0.0.1:$port")
    began=$(date +%s.%N)
    "$seismic" run --drain --group "$1-$2" --store "sqlite:$1-$2.db" --sink "csv:$1-$2" \
        --result-topic "rows-$1-$2" --dead-topic "dead-$1-$2" --quiet "${options[@]}" 2>warnings &
    local job=$!
    if [ "$1" != alone ]; then watch "$1" & watched=$!; fi
    local peak=0 ticks=0 now
    while kill -0 "$job" 2>/dev/null; do
        now=$(awk '/VmHWM/ {print $2}' "/proc/$job/status" 2>/dev/null || true)
        [ -z "$now" ] || peak=$now
        now=$(awk '{print $14 + $15}' "/proc/$job/stat" 2>/dev/null || true)
        [ -z "$now" ] || ticks=$now
        sleep 0.05
    done
    wait "$job" || { cat warnings >&2; return 1; }
    ended=$(date +%s.%N)
    [ -z "$watched" ] || wait "$watched"
    awk -v mode="$1" -v n="$records" -v from="$began" -v to="$ended" -v kib="$peak" \
        -v cpu="$ticks" -v hz="$(getconf CLK_TCK)" \
        'BEGIN { printf "%-8s %6.2f s  %6.2f s of CPU  %9.0f records/s  %5.0f MiB\n", mode, to - from, cpu / hz, n / (to - from), kib / 1024 }'
    rm -rf "$1-$2" "$1-$2.db"*
}

for round in $(seq "$rounds"); do
    # Each goes first as often as the others: what runs first finds other files in memory.
    case $((round % 4)) in
        0) modes="alone scraped stormed followed" ;;
        1) modes="scraped stormed followed alone" ;;
        2) modes="stormed followed alone scraped" ;;
        3) modes="followed alone scraped stormed" ;;
    esac
    for mode in $modes; do drain "$mode" "$round"; done
done | tee runs
for mode in alone scraped stormed followed; do
    for column in 2 4 8 10; do
        awk -v mode="$mode" -v column="$column" '$1 == mode { print $column }' runs | sort -n |
            awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }'
    done | paste -s | awk -v mode="$mode" '{ printf "median %-8s %6.2f s  %6.2f s of CPU  %9.0f records/s  %5.0f MiB\n", mode, $1, $2, $3, $4 }'
done
