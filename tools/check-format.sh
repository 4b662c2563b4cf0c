#!/bin/sh
# tools/check-format.sh [--fix]: is every C file as clang-format has it? Other versions than 14 format differently: then nothing is checked.
set -eu
cd "$(dirname "$0")/.."

format=clang-format
! command -v clang-format-14 >/dev/null || format=clang-format-14
version=$($format --version 2>/dev/null | sed -n 's/.*version \([0-9]*\).*/\1/p')
[ "$version" = 14 ] || { echo "skipped: check-format needs clang-format 14, here is ${version:-none}"; exit 0; }

# The lexicons are tables of words that it leaves as they are, after taking 2.6 GB for them.
files() { find . -path ./build -prune -o \( -name '*.c' -o -name '*.h' \) ! -name 'lexicon_[ef][nr].c' -print0; }

if [ "${1-}" = --fix ]; then
    files | xargs -0 -r $format --style=file -i
elif ! wrong=$(files | xargs -0 -r $format --style=file --dry-run -Werror 2>&1); then
    echo "$wrong" | awk -F : '/: error:/ && !seen[$1]++ { print $1 ":" $2 ": not as clang-format has it (make format)" }'
    exit 1
fi
