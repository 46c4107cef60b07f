/* An upstream's packument: whatever it is, what is shown of it is JSON without equal keys at its top,
 * in both forms, and every version that it lists can be taken out of it. */
#include "protocols/npm/upstream_packument.h"
#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"
#include "storage/memory/stream.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum status keep(void *context, const void *bytes, size_t length, struct error *err)
{
    (void)err;
    strbuf_bytes(context, bytes, length);
    return STATUS_OK;
}

static void must_be_json(const struct strbuf *text)
{
    struct json_cursor cursor;

    json_cursor_init_text(&cursor, text->data, text->length, 2 * NPM_MANIFEST_DEPTH);
    if (json_skip_value(&cursor, NULL) || json_finish(&cursor, NULL))
        abort();
}

static void pin(void *context, const char *version, const struct npm_listing *listing,
                struct npm_pinned *out)
{
    (void)context;
    if (listing->integrity && *version == '2')
        out->integrity = "sha512-x";
}

static void show(const uint8_t *data, size_t size, enum npm_form form)
{
    struct npm_upstream_view view = {.form = form, .base = "http://h/npm/o/r", .pinned = pin};
    struct npm_upstream_packument packument;
    struct arena *arena = arena_new();
    struct memory_reader reader;
    struct strbuf out;
    struct npm_sink sink = {keep, &out};
    int64_t modified_us;

    strbuf_init(&out, arena, 64 << 20);
    memory_reader_init(&reader, data, size);
    if (!npm_upstream_read(&reader.reader, "p", arena, &packument, NULL)) {
        npm_upstream_remove(&packument, "3.0.0");
        memory_reader_init(&reader, data, size);
        if (!npm_upstream_show(&packument, &reader.reader, &view, &sink, &modified_us, NULL)) {
            if (strbuf_failed(&out))
                abort();
            must_be_json(&out);
        }
        for (size_t i = 0; i < packument.versions.count && i < 64; i++) {
            const struct npm_entry *version = &packument.versions.list[i];
            struct npm_listing listing;

            memory_reader_init(&reader, data, size);
            if (!version->is_gone &&
                npm_upstream_take(&packument, version, &reader.reader, arena, &listing, NULL) ==
                    STATUS_BAD_UPSTREAM)
                abort();
        }
    }
    arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    show(data, size, NPM_FULL);
    show(data, size, NPM_ABBREVIATED);
    return 0;
}
