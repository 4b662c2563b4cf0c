#!/bin/sh
# tools/test.sh: runs everything `make test` promises and ends in one line, "N passed, N failed".
# From the environment: UNIT_TESTS and FUZZERS (built, in build/unit and build/fuzz), FUZZ_SECONDS.
set -u
passed=0 failed=0 failures=
work=build/test-logs
rm -rf "$work" && mkdir -p "$work"

ok() { passed=$((passed + ${2:-1})); printf '  ok      %s\n' "$1"; }
bad() { failed=$((failed + ${2:-1})); failures="$failures $1"; printf '  FAILED  %s\n' "$1"; }
check() { # name, command...: one test, quiet when it passes
    name=$1; shift
    if "$@" >"$work/$name.log" 2>&1; then ok "$name"; else bad "$name"; sed 's/^/    /' "$work/$name.log"; fi
}

check check-includes tools/check-includes.sh
check check-format tools/check-format.sh
grep -h '^skipped' "$work/check-format.log" || true

counted() { # name, command...: counts its own tests and ends in "N passed, N failed"
    name=$1; shift
    "$@" 2>&1 | tee "$work/$name.log"
    count=$(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed.*/\1 \2/p' "$work/$name.log" | tail -n 1)
    if [ -n "$count" ]; then
        passed=$((passed + ${count% *})) failed=$((failed + ${count#* }))
        [ "${count#* }" = 0 ] || failures="$failures $name"
    else
        bad "$name (it ended without its count line)"
    fi
}

# cmocka counts its own: "[  PASSED  ] 12 test(s)." and "[  FAILED  ] 1 test(s)"
for name in $UNIT_TESTS; do
    log=$work/$name.log
    "build/unit/$name" >"$log" 2>&1
    status=$?
    good=$(sed -n 's/^\[  PASSED  \] \([0-9]*\) test.*/\1/p' "$log" | awk '{ n += $1 } END { print n + 0 }')
    wrong=$(sed -n 's/^\[  FAILED  \] \(.*: \)\{0,1\}\([0-9][0-9]*\) test(s).*/\2/p' "$log" | awk '{ n += $1 } END { print n + 0 }')
    [ "$status" = 0 ] || [ "$wrong" -gt 0 ] || wrong=1
    [ "$good" -gt 0 ] || [ "$wrong" -gt 0 ] || { echo "no test ran" >>"$log"; wrong=1; }
    [ "$good" = 0 ] || ok "$name ($good)" "$good"
    [ "$wrong" = 0 ] || { bad "$name" "$wrong"; sed 's/^/    /' "$log"; }
done

for name in $FUZZERS; do
    mkdir -p "build/fuzz/corpus/$name"
    seeds=$(find tests/fuzz -type d -path "*/$name" 2>/dev/null)
    # shellcheck disable=SC2086
    check "$name" "build/fuzz/$name" -max_total_time="$FUZZ_SECONDS" -timeout=10 -artifact_prefix="$work/$name-" "build/fuzz/corpus/$name" $seeds
done

counted model tests/model/run
counted system tests/system/run

[ "$failed" = 0 ] || echo "failed:$failures (logs: $work)"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
