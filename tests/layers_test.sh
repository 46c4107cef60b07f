#!/bin/sh
# Plants each kind of violation in a copy of the source, and wants layers.sh to name every one.
set -u
cd "$(dirname "$0")/.." || exit 2
copy=$(mktemp -d) || exit 2
trap 'rm -rf "$copy"' EXIT
cp -r config policy storage protocols server "$copy"
if ! before=$(tests/layers.sh "$copy"); then
    printf 'before anything is planted it says:\n%s\n' "$before"
    exit 1
fi

count=0
plant() { # FILE LINE COMPLAINT
    count=$((count + 1))
    mkdir -p "$copy/$(dirname "$1")"
    printf '%s\n' "$2" >>"$copy/$1"
    printf '%s\t%s\n' "$1" "$3" >>"$copy/expected"
}

below='is not below'
plant config/log.c '#include "storage/memory/arena.h"' "$below config/"
plant storage/memory/arena.c '#include "storage/catalog/catalog.h"' "$below storage/memory/"
plant policy/x.c '#include "storage/catalog/catalog.h"' "$below policy/"
plant storage/blobs/stage.c '  #  include "storage/metadata/db.h"' "$below storage/blobs/"
plant storage/metadata/x.c '#include "storage/blobs/digest.h"' "$below storage/metadata/"
plant storage/catalog/token.c '#include "protocols/http/request.h"' "$below storage/catalog/"
plant protocols/http/x.c '#include "server/commands/command.h"' "$below protocols/http/"
plant protocols/npm/x.c '#include "storage/metadata/db.h"' "$below protocols/npm/"
plant protocols/npm/planted.h '#pragma once' ''
plant protocols/pypi/x.c '#include "protocols/npm/planted.h"' "$below protocols/pypi/"
plant server/x.c '#include "protocols/npm/planted.h"' "$below server/"
plant server/y.c '#include "nonexistent.h"' 'is no file below the project root'
plant server/commands/x.c '#include "../main.h"' 'from the project root'
for header in civetweb.h openssl/sha.h sqlite3.h libpq-fe.h curl/curl.h archive.h zlib.h libdeflate.h \
    jansson.h yaml.h argon2.h cjose/cjose.h cmark-gfm.h; do
    plant server/z.c "#include <$header>" "includes <$header>; only its door may"
done
plant storage/memory/x.h 'uint8_t no_include(void);' 'does not compile alone'
plant storage/memory/y.h 'int no_guard(void);' 'lacks #pragma once'
plant server/jobs/unnamed.c 'int x;' 'is not named in server/jobs/README.md'
plant server/util/x.c 'int x;' 'is named after'

said=$(tests/layers.sh "$copy") && echo "exit code 0 in spite of $count violations" && exit 1
while IFS='	' read -r file complaint; do
    [ -z "$complaint" ] && continue
    echo "$said" | grep -F "$complaint" | grep -qF "${file%/x.c}" || missed="${missed:-}
$file: $complaint"
done <"$copy/expected"
if [ -n "${missed:-}" ]; then
    printf 'not found:%s\n\nlayers.sh said:\n%s\n' "$missed" "$said"
    exit 1
fi
echo "all $count planted violations were found"
