#!/usr/bin/env bash
# Makes the table of docs/reliability.md from what tests print, and checks it.
#
#   docs/reliability.sh            runs the tests, then writes the table
#   docs/reliability.sh LOG        writes the table from the output of tests (cargo test -- --show-output);
#                                  lines of it that begin with RUN say when and where, if not here and now
#   docs/reliability.sh --check    every fault is in the table, every test in it is there, nothing was
#                                  lost or doubled
#
# Needs bash, awk, grep and sed, and for the brokers Java and Maven. SEISMIC_FAULT_ROUNDS makes the tests try more often.
set -euo pipefail
cd "$(dirname "$0")/.."

page=docs/reliability.md
begin='<!-- begin: written by reliability.sh -->'
end='<!-- end -->'

faults='1|kill -9 of the worker at every kill point and at random times
2|kill during recovery, five deep
3|SIGTERM, Ctrl-C during load and commit
4|a worker that sleeps beyond its session and wakes up
5|brokers killed and restarted; one of three
6|network cut; connections that stand still
7|outcome of a commit unknown
8|members that come and go
9|1 to 3 to 1 workers
10|disk full
11|torn or lost tail of a file; CSV shorter than its mark
12|fsync error
13|wall clock jumps an hour
14|event time poison
15|payload poison
16|NaN, infinite, -0.0, subnormal amplitudes
17|sensors silent; burst after silence
18|slow sink; source paused
19|log truncated under the position; topic made again
20|checkpoint missing, damaged, of another version or other rules
21|two services on one store or CSV folder
22|a million sensors; endless garbage ids
23|config lies
24|producer killed mid-batch; producer retried
25|everything random
26|a sensor spread over partitions
27|queue, store or CSV folder put back from an older copy
28|backup taken under load, restored elsewhere
29|file written over under a running job
30|offsets that a tool has reset
31|signals of terminals and supervisors
32|a store that is busy while somebody looks
33|rights that are missing
34|TLS and logins that do not fit
35|read-only media
36|advertised listeners that clients cannot reach'

# With the features of the whole workspace throughout, so that nothing is built twice.
run_tests() {
    cargo test --workspace --test tests -- --show-output faults:: exit_codes:: backup:: job::repartition:: \
        tables::kills:: window_kills:: sinks::hbase::
    cargo test --workspace --test tests -- --show-output --include-ignored kafka:: rocketmq:: scaling::kafka_kills::
    cargo test --workspace --test crash --test engine --test failpoints --test hostile \
        --test simulation -- --show-output
    cargo test --workspace --test rocketmq -- --show-output faults::
    SEISMIC_SOAK_SECONDS=${SEISMIC_SOAK_SECONDS:-180} \
        cargo test --workspace --test tests -- --ignored --show-output faults::soak
}

# A line of a test as fields between tabs: fault, where, what, tries, test, lost, doubled, times, measured.
fields() {
    sed -n 's/^FAULT {"fault":\([0-9]*\),"where":"\([^"]*\)","what":"\([^"]*\)","tries":\([0-9]*\),"test":"\([^"]*\)","lost":\([0-9]*\),"doubled":\([0-9]*\),"back_ms":\[\([^]]*\)\],"measured":"\([^"]*\)"}$/\1\t\2\t\3\t\4\t\5\t\6\t\7\t\8\t\9/p' "$1" |
        sort -t "$(printf '\t')" -k1,1n -k2,2 -k5,5 -k3,3
}

row() {
    awk -F '\t' -v faults="$faults" '
        BEGIN {
            n = split(faults, lines, "\n")
            for (i = 1; i <= n; i++) { split(lines[i], part, "|"); name[part[1]] = part[2] }
        }
        function ms(value) { return value >= 10000 ? sprintf("%.1f s", value / 1000) : value " ms" }
        {
            if ($1 != last) { printf "| **%s** | **%s** | | | | | | | |\n", $1, name[$1]; last = $1 }
            count = split($8, back, ", ")
            flows = count ? ms(back[int((count + 1) / 2)]) ", " ms(back[count]) : "-"
            what = $3 ($9 == "" ? "" : " (" $9 ")")
            printf "| | %s | %s | %s | `%s` | %s | %s | %s |\n", what, $2, $4, $5, $6, $7, flows
        }'
}

# When and where the tests ran: what the log says, or this commit and this machine.
circumstances() {
    if grep -q '^RUN ' "$1"; then
        sed -n 's/^RUN \(.*\)/\1\n/p' "$1"
        return
    fi
    local changed=''
    [ -z "$(git status --porcelain --untracked-files=no -- . ":!$page")" ] || changed=' and changes'
    printf 'Commit %s%s, %s, %s cores (%s), Linux %s.\n\n' "$(git rev-parse --short HEAD)" "$changed" \
        "$(date -u +%F)" "$(nproc)" "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)" \
        "$(uname -r)"
}

table() {
    printf '%s\n\n' "$begin"
    circumstances "$1"
    printf '| # | what was done | where | how often | by which test | lost | doubled | results flowed again after (median, max) |\n'
    printf '|---|---|---|---:|---|---:|---:|---|\n'
    fields "$1" | row | sed 's/ | |$/ |/'
    printf '\n%s\n' "$end"
}

write() {
    local new
    new=$(mktemp)
    awk -v begin="$begin" '$0 == begin { exit } { print }' "$page" >"$new"
    table "$1" >>"$new"
    awk -v end="$end" 'past { print } $0 == end { past = 1 }' "$page" >>"$new"
    cat "$new" >"$page"
    rm "$new"
}

check() {
    local failed=0 number name
    while IFS='|' read -r number name; do
        if ! grep -q "^| \*\*$number\*\* |" "$page"; then
            echo "fault $number ($name) is not in $page"
            failed=1
        fi
    done <<<"$faults"
    while read -r name; do
        if ! grep -rsqE "fn ${name##*::}\(" --include='*.rs' tests queue backends pipeline sinks; then
            echo "$page names the test $name, which is not there"
            failed=1
        fi
    done < <(sed -n 's/^| | .* | `\([a-z0-9_:]*\)` | .*/\1/p' "$page")
    if grep '^| | ' "$page" | grep -vE '` \| 0 \| 0 \| '; then
        echo "something was lost or doubled"
        failed=1
    fi
    return $failed
}

case "${1:-}" in
--check) check ;;
'')
    log=$(mktemp)
    # All of them, also after one that fails: what was lost belongs in the table.
    run_tests 2>&1 | tee "$log" | grep -E '^(FAULT|test |error|SEISMIC)' || true
    write "$log"
    if grep -E '^(test result: FAILED|error: )' "$log"; then
        echo "not every test has passed; all they said is in $log"
        exit 1
    fi
    check
    rm "$log"
    ;;
*)
    write "$1"
    check
    ;;
esac
