#!/bin/sh
# tools/setup.sh run|test|bench...: sees to it that the Debian packages of these sets are there. Root installs what is missing;
# anyone else gets the one line to run, and the build stops.
set -eu
list=$(dirname "$0")/packages.txt

command -v dpkg-query >/dev/null || { echo "setup: this is no Debian system (no dpkg-query); install what $list names by hand and make SETUP=" >&2; exit 1; }

missing=
for set_name in "$@"; do
    for package in $(awk -v s="$set_name" '$1 == s { print $2 }' "$list"); do
        case $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true) in
            *" installed") ;;
            *) missing="$missing $package" ;;
        esac
    done
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ]; then
    echo "setup: packages are missing. Run this line, then make again:" >&2
    echo "    sudo sh -c 'apt-get update && apt-get install -y --no-install-recommends$missing'" >&2
    exit 1
fi

echo "setup: installing$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
# shellcheck disable=SC2086
apt-get -qq install -y --no-install-recommends $missing >/dev/null || {
    echo "setup: apt-get could not install:$missing (its message is above)" >&2; exit 1; }
