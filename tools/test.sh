#!/bin/sh
# tools/test.sh: runs everything `make test` promises and ends in one line, "N passed, N failed".
# From the environment: UNIT_TESTS and FUZZERS (built, in build/unit and build/fuzz), FUZZ_SECONDS for each, and LONG_FUZZERS
# (name=seconds), which take that long at least, beside all that runs meanwhile.
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

fuzz() { # name, seconds
    mkdir -p "build/fuzz/corpus/$1"
    seeds=$(find tests/fuzz -type d -path "*/$1" 2>/dev/null)
    # shellcheck disable=SC2086
    "build/fuzz/$1" -max_total_time="$2" -timeout=10 -artifact_prefix="$work/$1-" "build/fuzz/corpus/$1" $seeds
}
long_fuzzers= # name=pid
for entry in ${LONG_FUZZERS-}; do
    seconds=${entry#*=}
    [ "$FUZZ_SECONDS" -le "$seconds" ] || seconds=$FUZZ_SECONDS
    fuzz "${entry%%=*}" "$seconds" >"$work/${entry%%=*}.fuzz" 2>&1 &
    long_fuzzers="$long_fuzzers ${entry%%=*}=$!"
done
trap 'for entry in $long_fuzzers; do kill "${entry#*=}" 2>/dev/null; done' EXIT
trap 'exit 1' INT TERM

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
    case "$long_fuzzers=" in *" $name="*) ;; *) check "$name" fuzz "$name" "$FUZZ_SECONDS" ;; esac
done
ended() { # name, pid
    wait "$2"
    status=$?
    cat "$work/$1.fuzz"
    return "$status"
}
for entry in $long_fuzzers; do check "${entry%%=*}" ended "${entry%%=*}" "${entry#*=}"; done
long_fuzzers=

counted model tests/model/run
counted system tests/system/run

[ "$failed" = 0 ] || echo "failed:$failures (logs: $work)"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
