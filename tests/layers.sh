#!/bin/sh
# Holds the source to the plan of the house: includes point down the stairs, each library has one
# door, each header compiles alone, each folder's README names its files. Prints what breaks a rule;
# exit code 1 if anything does.
#   tests/layers.sh [ROOT]
set -u
cd "${1:-$(dirname "$0")/..}" || exit 2
found=$(mktemp) || exit 2
trap 'rm -f "$found"' EXIT

sources() {
    find config policy storage protocols server -name '*.c' -o -name '*.h' | sort
}

# What a folder may include, besides itself and config/.
may_include() {
    case $1 in
    server/main.c | server/routes.c) echo 'server/ protocols/ policy/ storage/' ;;
    server/commands/warm_package.c) echo 'server/ protocols/lockfile/ protocols/pypi/ storage/' ;;
    server/commands/*) echo 'server/ protocols/http/ protocols/lockfile/ policy/ storage/' ;;
    server/*) echo 'server/ protocols/http/ protocols/review/ policy/ storage/' ;;
    protocols/http/*) echo 'policy/ storage/catalog/ storage/memory/ storage/mirror/' ;;
    protocols/lockfile/*) echo 'storage/memory/' ;;
    protocols/review/*) echo 'policy/ storage/blobs/ storage/memory/' ;;
    protocols/*) echo 'protocols/http/ protocols/review/ policy/ storage/catalog/ storage/memory/ storage/mirror/ storage/remote/' ;;
    storage/mirror/*) echo 'storage/' ;;
    storage/catalog/*) echo 'policy/ storage/metadata/ storage/blobs/ storage/memory/ storage/remote/' ;;
    storage/metadata/* | storage/blobs/*) echo 'storage/memory/ storage/remote/' ;;
    storage/* | policy/*) echo 'storage/memory/' ;;
    esac
}

check_own_include() { # FILE LINE PATH
    case $3 in
    *.inc) return ;; # made by the build
    *..*) echo "$1:$2: includes \"$3\": write the path from the project root" && return ;;
    esac
    [ -f "$3" ] || { echo "$1:$2: includes \"$3\", which is no file below the project root" && return; }
    for floor in config/ "${1%/*}/" $(may_include "$1"); do
        case $3 in "$floor"*) return ;; esac
    done
    echo "$1:$2: includes \"$3\", which is not below $(dirname "$1")/"
}

# The files that may include a library's header.
doors() {
    case $1 in
    civetweb.h) echo server/listener.c server/civetweb_shim.c ;;
    unicase.h | unictype.h | uninorm.h | unistr.h) echo protocols/artifacts/path.c ;;
    openssl/*) echo storage/blobs/digest.c storage/memory/secret.c server/tls.c ;;
    sodium.h) echo storage/blobs/blake2b.c ;;
    sqlite3.h) echo storage/metadata/db_sqlite.c ;;
    libpq-fe.h) echo storage/metadata/db_postgres.c ;;
    curl/*) echo storage/remote/fetch.c storage/remote/multi.c ;;
    archive.h | archive_entry.h) echo storage/memory/unpack.c ;;
    zlib.h | libdeflate.h) echo storage/memory/gzip.c ;;
    jansson.h) echo storage/memory/json.c ;;
    yaml.h) echo config/yaml.c ;;
    argon2.h) echo storage/memory/secret.c ;;
    cjose/*) echo storage/memory/jwt.c ;;
    cmark*) echo server/readme.c ;;
    *) echo any ;;
    esac
}

check_library_include() { # FILE LINE HEADER
    may=$(doors "$3")
    [ "$may" = any ] && return
    for door in $may; do
        [ "$1" = "$door" ] && return
    done
    echo "$1:$2: includes <$3>; only its door may: $may"
}

sources | xargs grep -nE '^[[:space:]]*#[[:space:]]*include' |
    sed -nE 's/^([^:]*):([0-9]+):[[:space:]]*#[[:space:]]*include[[:space:]]*(["<])([^">]*)[">].*/\3 \1 \2 \4/p' |
    while read -r kind file line path; do
        case $kind in
        '"') check_own_include "$file" "$line" "$path" ;;
        '<') check_library_include "$file" "$line" "$path" ;;
        esac
    done >>"$found"

for folder in $(find config policy storage protocols server -type d -name util -o -type d -name common \
    -o -type d -name misc); do
    echo "$folder: a folder is named after what its files mean" >>"$found"
done

sources | grep '\.c$' | while read -r file; do
    folder=$(dirname "$file") noun=$(basename "$file" .c)
    grep -qE "\`$noun(\.[ch])?\`" "$folder/README.md" 2>/dev/null ||
        echo "$file: is not named in $folder/README.md"
done >>"$found"

# banned.h is what the build puts before every file.
sources | grep '\.h$' | xargs -P "$(nproc)" -I{} sh -c '
    text=$(printf "#include \"%s\"\n" "$1" | ${CC:-cc} -std=gnu17 -D_GNU_SOURCE -I. -fsyntax-only \
        -Wall -Werror -include config/banned.h -x c - 2>&1) ||
        printf "%s: does not compile alone: %s\n" "$1" "$(echo "$text" | grep -m1 error)"
    grep -q "^#pragma once$" "$1" || echo "$1: lacks #pragma once"
' _ {} >>"$found"

sort "$found"
[ ! -s "$found" ]
