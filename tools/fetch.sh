#!/bin/sh
# tools/fetch.sh <name>: fetches a source that third_party/sources.lock pins, checks it, and unpacks it with Debian's patches into
# build/third_party/<name>.
#
# It uses apt's own source download, which checks Debian's signatures, with a configuration and state of its own under
# build/third_party/.apt: no root, and the machine's apt stays as it is. The sources are the machine's own Debian entries (same
# address, same keyring), read as deb-src of suite trixie.
set -eu
name=$1
top=$(cd "$(dirname "$0")/.." && pwd)
lock=third_party/sources.lock
store=$top/build/third_party
apt=$store/.apt
cache=$store/.downloads
suite=trixie

die() { printf 'fetch: %s: %s\n' "$name" "$1" >&2; shift; for line; do printf '       %s\n' "$line" >&2; done; exit 1; }

# The machine's Debian entries as "address keyring", for one kind of suite ("", "-updates", "-security"). Apt itself is asked, so
# one-line and deb822 files both work. Before the machine's first `apt-get update` it knows no Origin ($2 is --no-release-info); then
# the suite's name and the keyring must tell.
machine_sources() {
    . /etc/os-release
    # shellcheck disable=SC2086
    apt-get indextargets $2 "Created-By: Packages" "Component: main" | awk -v kind="$1" -v codename="${VERSION_CODENAME:-none}" '
        function flush() {
            if (uri != "" && (origin == "Debian" || origin == "") &&
                (release == codename kind || release ~ "^(old)*stable" kind "$" || release == "testing" kind)) {
                sub(/:[0-9]+$/, "", entry)
                keyring = ""
                while ((getline line < entry) > 0)
                    if (keyring == "" && tolower(line) !~ /^ *#/ && match(tolower(line), /signed-by[:=] *\/[^] \t,]+/)) {
                        keyring = substr(line, RSTART, RLENGTH); sub(/^[^\/]*/, "", keyring)
                    }
                close(entry)
                if (origin == "Debian" || keyring == "" || keyring ~ /debian-archive/) print uri, keyring
            }
            uri = origin = release = entry = ""
        }
        $1 == "Repo-URI:" { uri = $2 } $1 == "Origin:" { origin = $2 } $1 == "Release:" { release = $2 }
        $1 == "Sourcesentry:" { entry = $2 } $0 == "" { flush() }
        END { flush() }' | sort -u
}

list_sources() {
    for kind in "" -updates -security; do
        machine_sources "$kind" "$1" | while read -r uri keyring; do
            [ -r "$keyring" ] || keyring=/usr/share/keyrings/debian-archive-keyring.gpg
            echo "deb-src [signed-by=$keyring] $uri $suite$kind main"
        done
    done
}

write_apt_config() {
    mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial" "$cache"
    list_sources "" >"$apt/sources.list"
    [ -s "$apt/sources.list" ] || list_sources --no-release-info >"$apt/sources.list"
    grep -q " $suite main" "$apt/sources.list" ||
        die "no Debian entry in this machine's apt sources (/etc/apt/sources.list*) to fetch from." \
            "Add one, as on a fresh Debian system, run apt-get update, and make again."
    cat >"$apt/apt.conf" <<CONF
Dir::State "$apt/state/";
Dir::Cache "$apt/cache/";
Dir::Etc::SourceList "$apt/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
APT::Sandbox::User "";
APT::Default-Release "";
Acquire::Languages "none";
Acquire::Retries "3";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
CONF
}

update_index() {
    write_apt_config
    APT_CONFIG=$apt/apt.conf apt-get -qq -o APT::Update::Error-Mode=any update >"$apt/log" 2>&1 && return
    cat "$apt/log" >&2
    die "the package registry could not be read (see above; the addresses are those in $apt/sources.list)." \
        "Is the network up, and does apt-get update work on this machine? If the message is about a missing key," \
        "the package debian-archive-keyring is too old for $suite: apt-get install debian-archive-keyring."
}

# shellcheck disable=SC2046
set -- $(awk -v n="$name" '$1 == n' "$top/$lock")
[ $# -ge 4 ] || die "$lock has no line of the form '$name <Debian source> <version> <SHA-256> [plain]'."
package=$2 version=$3 sum=$4 patched=yes download=
[ "${5-}" = plain ] && patched=no download=--tar-only

cached() { find "$cache" -maxdepth 1 \( -name "${package}_$version.$1" -o -name "${package}_$version[-+]*$1" \) 2>/dev/null | head -n 1; }
complete() { [ -n "$(cached 'orig.tar.?z*')" ] && { [ $patched = no ] || [ -n "$(cached '*.dsc')" ]; }; }

mkdir -p "$store" "$cache"
exec 9>"$store/.lock"
flock 9

if ! complete; then
    [ -n "$(find "$apt/updated" -mmin -60 2>/dev/null)" ] || { update_index; touch "$apt/updated"; }
    # shellcheck disable=SC2086
    (cd "$cache" && APT_CONFIG=$apt/apt.conf apt-get -qq source --download-only $download "$package" >"$apt/log" 2>&1) || {
        cat "$apt/log" >&2
        die "Debian's source package '$package' could not be downloaded (see above)." \
            "Is the network up, and does apt-get update work on this machine?"; }
    complete || die "$lock pins $package $version, but Debian $suite now has another version in $cache:" \
        "$(cd "$cache" && echo "${package}"_*)" "Look at what changed, and put the new version and SHA-256 into $lock."
fi

orig=$(cached 'orig.tar.?z*')
seen=$(sha256sum "$orig" | cut -d ' ' -f 1)
[ "$seen" = "$sum" ] || die "wrong SHA-256 for $orig" "pinned in $lock: $sum" "seen:                          $seen" \
    "Remove the file and make again; if it differs still, do not use it before you know why."

rm -rf "$store/$name" "$store/$name.new"
if [ $patched = yes ]; then
    dpkg-source --no-check -x "$(cached '*.dsc')" "$store/$name.new" >"$apt/log" 2>&1
else
    mkdir "$store/$name.new" && tar -xf "$orig" -C "$store/$name.new" --strip-components=1 >"$apt/log" 2>&1
fi || { cat "$apt/log" >&2; die "$orig could not be unpacked."; }
mv "$store/$name.new" "$store/$name"
echo "fetched $name $version ($(basename "$orig"))"
