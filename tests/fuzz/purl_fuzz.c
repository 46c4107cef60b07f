/* What names a package is written back as what names the same package; patterns are read or
 * refused. */
#include "policy/pattern.h"
#include "policy/purl.h"
#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static bool is_same(const char *a, const char *b)
{
    return a && b ? !strcmp(a, b) : a == b;
}

static void check_written(const struct purl *purl,
                          void (*write)(const struct purl *, struct strbuf *), bool has_file,
                          struct arena *arena)
{
    struct strbuf text;
    struct purl again;

    strbuf_init(&text, arena, 8 * PURL_MAX);
    write(purl, &text);
    must(!strbuf_failed(&text));
    if (text.length > PURL_MAX) /* what was short has grown by its escapes */
        return;
    must(!purl_parse(text.data, arena, &again, NULL));
    must(again.format == purl->format && is_same(again.name, purl->name) &&
         is_same(again.version, purl->version));
    must(is_same(again.file, has_file ? purl->file : NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    const char *text = arena_copy_bytes(arena, data, size);
    const struct package_pattern *pattern;
    struct error err = {0};
    struct purl purl;

    if (purl_parse(text, arena, &purl, &err)) {
        must(!strcmp(err.code, "purl-invalid") && err.message[0]);
    } else {
        check_written(&purl, purl_write, true, arena);
        check_written(&purl, purl_write_short, false, arena);
    }
    if (package_pattern_parse(text, arena, &pattern, &err))
        must(!pattern && !strcmp(err.code, "pattern-invalid"));
    else if (package_pattern_name(pattern))
        must(!package_pattern_matches(pattern, package_pattern_format(pattern), "no such name",
                                      "1.0.0"));
    arena_free(arena);
    return 0;
}
