#!/bin/sh
# Installs what cmake/packages.txt lists under the given headings and is missing. Says so first;
# without root it prints the one line to run.
#   cmake/install_packages.sh build [test]
set -u
list=$(dirname "$0")/packages.txt

wanted=
for heading; do
    wanted="$wanted $(sed -n "/^\[$heading\]/,/^\[/{/^[a-z]/p}" "$list" | tr '\n' ' ')"
done
if ! command -v dpkg-query >/dev/null; then
    echo "This is no Debian or Ubuntu. Packhouse needs what these packages hold:$wanted" >&2
    exit 1
fi

missing=
for package in $wanted; do
    case $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) in
    *' installed') ;;
    *) missing="$missing $package" ;;
    esac
done
[ -z "$missing" ] && exit 0

if [ "$(id -u)" != 0 ]; then
    printf 'A few packages are missing. As root, run\n\n    apt-get update && apt-get install -y --no-install-recommends%s\n\nand then this again.\n' \
        "$missing" >&2
    exit 1
fi
echo "Installing packages:$missing" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "apt-get failed; its last lines stand above." >&2
    exit 1
fi
