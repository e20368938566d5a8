#!/usr/bin/env bash
# Reads the metrics of a run under way with Prometheus' own promtool (Debian: apt-get install prometheus), four times.
# TOLLGATE_BIN and PROMTOOL name the programs where they are not target/release/tollgate and promtool.
case ${1:-} in -h | --help) sed -n '2,3s/^# *//p' "$0"; exit ;; esac
set -euo pipefail
cd "$(dirname "$0")/../.."
tollgate=${TOLLGATE_BIN:-target/release/tollgate}
promtool=${PROMTOOL:-promtool}
command -v "$promtool" >/dev/null || { echo "promtool is missing: apt-get install prometheus, or name it in PROMTOOL"; exit 1; }

work=$(mktemp -d)
"$tollgate" run scenarios/first-light.toml --duration 12s --max-cost 5 --no-sweep --out "$work/out" \
    --metrics 127.0.0.1:0 >"$work/stdout" 2>"$work/stderr" &
run=$!
trap 'kill "$run" 2>/dev/null || true; rm -rf "$work"' EXIT
until url=$(sed -n 's/^metrics at //p' "$work/stderr") && [ -n "$url" ]; do
    kill -0 "$run" 2>/dev/null || { cat "$work/stderr"; exit 1; }
    sleep 0.1
done
for nth in 1 2 3 4; do
    sleep 2
    curl --fail --silent --show-error "$url" >"$work/metrics"
    "$promtool" check metrics <"$work/metrics"
    echo "scrape $nth: $(grep -vc '^#' "$work/metrics") samples of $(grep -c '^# TYPE' "$work/metrics") metrics, as promtool has them"
done
for metric in tollgate_requests_offered_total tollgate_ttft_seconds_bucket tollgate_quota_used_ratio tollgate_budget_dollars; do
    grep -q "^$metric[{ ]" "$work/metrics" || { echo "FAILED: there is no $metric"; exit 1; }
done
