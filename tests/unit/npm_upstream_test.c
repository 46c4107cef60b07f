#include "config/clock.h"
#include "protocols/npm/upstream_packument.h"
#include "storage/memory/arena.h"
#include "storage/memory/json.h"
#include "storage/memory/strbuf.h"
#include "storage/memory/stream.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* A version's manifest with what it must have; more may follow. */
#define V(version, more)                                                                           \
    "{\"name\":\"p\",\"version\":\"" version "\",\"dist\":{\"tarball\":\"http://up/x.tgz\"}" more "}"
#define SHOWN(version, more)                                                                       \
    "{\"name\":\"p\",\"version\":\"" version "\",\"dist\":{\"tarball\":\"http://h/npm/o/r/p/-/p-" \
    version ".tgz\"}" more "}"
#define TOP "{\"name\":\"p\","
#define KNOWN "1970-01-01T00:00:00.000Z" /* none */
#define AT(time) "\"created\":\"" time "\",\"modified\":\"" time "\""

static struct arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = arena_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static enum status keep(void *context, const void *bytes, size_t length, struct error *err)
{
    (void)err;
    strbuf_bytes(context, bytes, length);
    return STATUS_OK;
}

static const char *removed[4]; /* versions; ends with NULL */
static const struct npm_pinned *pinned;

static void show_pin(void *context, const char *version, const struct npm_listing *listing,
                     struct npm_pinned *out)
{
    (void)context;
    (void)version;
    (void)listing;
    if (pinned)
        *out = *pinned;
}

static enum status show(const char *document, enum npm_form form, struct strbuf *out,
                        int64_t *modified_us, struct error *err)
{
    struct npm_upstream_packument packument;
    struct npm_upstream_view view = {
        .form = form, .base = "http://h/npm/o/r", .pinned = show_pin};
    struct npm_sink sink = {keep, out};
    struct memory_reader reader;
    enum status rc;

    strbuf_init(out, arena, 1 << 20);
    memory_reader_init(&reader, document, strlen(document));
    if ((rc = npm_upstream_read(&reader.reader, "p", arena, &packument, err)))
        return rc;
    for (size_t i = 0; removed[i]; i++)
        npm_upstream_remove(&packument, removed[i]);
    memory_reader_init(&reader, document, strlen(document));
    return npm_upstream_show(&packument, &reader.reader, &view, &sink, modified_us, err);
}

static void must_be_json(const struct strbuf *text)
{
    struct json *json;
    struct error err;

    if (json_parse(text->data, text->length, 0, &json, &err)) /* refuses equal keys, too */
        fail_msg("%s: %s", err.message, text->data);
    json_free(json);
}

static const struct {
    const char *document, *full, *abbreviated;
} documents[] = {
    /* As it is, but for the tarball; without what is bookkeeping of the upstream. */
    {TOP "\"_id\":\"p\",\"_rev\":\"1-x\",\"_attachments\":{},\"dist-tags\":{\"latest\":\"1.0.0\"},"
         "\"new\" : [1.50, {\"a\":1e3}],\"versions\":{\"1.0.0\":" V("1.0.0", ",\"more\": 1.0")
         "},\"time\":{" AT("2015-02-03T04:05:06.007Z") ",\"1.0.0\":\"2015-02-03T04:05:06.007Z\"},"
         "\"readme\":\"r\"}",
     "{\"_id\":\"p\",\"name\":\"p\",\"new\":[1.50, {\"a\":1e3}],\"versions\":{\"1.0.0\":" SHOWN(
         "1.0.0", ",\"more\":1.0") "},\"readme\":\"r\",\"dist-tags\":{\"latest\":\"1.0.0\"},"
     "\"time\":{" AT("2015-02-03T04:05:06.007Z") ",\"1.0.0\":\"2015-02-03T04:05:06.007Z\"}}",
     TOP "\"versions\":{\"1.0.0\":" SHOWN("1.0.0", "") "},\"dist-tags\":{\"latest\":\"1.0.0\"},"
     "\"time\":{" AT("2015-02-03T04:05:06.007Z") ",\"1.0.0\":\"2015-02-03T04:05:06.007Z\"},"
     "\"modified\":\"2015-02-03T04:05:06.007Z\"}"},
    /* Times in other spellings; none for a version: as new as the newest. */
    {TOP "\"time\":{\"1.0.0\":\"2015-02-03T04:05:06.007999+00:00\",\"2.0.0\":\"2016-01-01 02:00:00+02:00\","
         "\"0.1.0\":\"2014-01-01T00:00:00\",\"3.0.0\":7},\"versions\":{\"1.0.0\":" V("1.0.0", "")
         ",\"2.0.0\":" V("2.0.0", "") "}}",
     "{\"_id\":\"p\",\"name\":\"p\",\"versions\":{\"1.0.0\":" SHOWN("1.0.0", "") ",\"2.0.0\":" SHOWN(
         "2.0.0", "") "},\"dist-tags\":{\"latest\":\"2.0.0\"},\"time\":{"
     "\"created\":\"2015-02-03T04:05:06.007Z\",\"modified\":\"2016-01-01T00:00:00.000Z\","
     "\"1.0.0\":\"2015-02-03T04:05:06.007Z\",\"2.0.0\":\"2016-01-01T00:00:00.000Z\","
     "\"0.1.0\":\"2014-01-01T00:00:00.000Z\"}}",
     NULL},
    {TOP "\"versions\":{\"1.0.0\":" V("1.0.0", "") "}}",
     "{\"_id\":\"p\",\"name\":\"p\",\"versions\":{\"1.0.0\":" SHOWN("1.0.0", "")
     "},\"dist-tags\":{\"latest\":\"1.0.0\"},\"time\":{" AT(KNOWN) ",\"1.0.0\":\"" KNOWN "\"}}",
     NULL},
    {TOP "\"modified\":\"2019-01-01T00:00:00Z\",\"versions\":{\"1.0.0\":" V("1.0.0", "") "}}",
     NULL,
     TOP "\"versions\":{\"1.0.0\":" SHOWN("1.0.0", "") "},\"dist-tags\":{\"latest\":\"1.0.0\"},"
     "\"time\":{" AT("2019-01-01T00:00:00.000Z") ",\"1.0.0\":\"2019-01-01T00:00:00.000Z\"},"
     "\"modified\":\"2019-01-01T00:00:00.000Z\"}"},
    /* What comes twice: the last counts, everywhere. */
    {TOP "\"x\":1,\"x\":2,\"versions\":{\"9.0.0\":" V("9.0.0", "") "},\"dist-tags\":{\"latest\":\"9.0.0\"},"
         "\"dist-tags\":{\"latest\":\"1.0.0\",\"latest\":\"2.0.0\"},\"versions\":{\"1.0.0\":" V("1.0.0", ",\"n\":1")
         ",\"2.0.0\":" V("2.0.0", "") ",\"1.0.0\":" V("1.0.0", ",\"n\":2,\"n\":3") "},"
         "\"time\":{\"1.0.0\":\"1999-01-01T00:00:00Z\"},\"time\":{\"1.0.0\":\"2001-01-01T00:00:00Z\","
         "\"1.0.0\":\"2002-01-01T00:00:00Z\",\"2.0.0\":\"2002-01-01T00:00:00Z\"}}",
     "{\"_id\":\"p\",\"name\":\"p\",\"x\":2,\"versions\":{\"2.0.0\":" SHOWN("2.0.0", "") ",\"1.0.0\":" SHOWN(
         "1.0.0", ",\"n\":3") "},\"dist-tags\":{\"latest\":\"2.0.0\"},\"time\":{" AT("2002-01-01T00:00:00.000Z")
     ",\"2.0.0\":\"2002-01-01T00:00:00.000Z\",\"1.0.0\":\"2002-01-01T00:00:00.000Z\"}}",
     NULL},
    /* Tags that point nowhere go; latest always points somewhere. */
    {TOP "\"dist-tags\":{\"latest\":\"8.0.0\",\"next\":\"8.0.0\",\"odd\":1,\"cjs\":\"v1.0.0\"},\"versions\":{"
         "\"1.0.0\":" V("1.0.0", "") ",\"2.0.0-rc.1\":" V("2.0.0-rc.1", "") "}}",
     NULL,
     TOP "\"versions\":{\"1.0.0\":" SHOWN("1.0.0", "") ",\"2.0.0-rc.1\":" SHOWN("2.0.0-rc.1", "")
     "},\"dist-tags\":{\"latest\":\"1.0.0\",\"cjs\":\"1.0.0\"},\"time\":{" AT(KNOWN) ",\"1.0.0\":\"" KNOWN
     "\",\"2.0.0-rc.1\":\"" KNOWN "\"},\"modified\":\"" KNOWN "\"}"},
    /* Build metadata is in no key and no URL. */
    {TOP "\"dist-tags\":{\"latest\":\"1.0.0+b7\"},\"time\":{\"1.0.0+b7\":\"2001-01-01T00:00:00Z\"},"
         "\"versions\":{\"1.0.0+b7\":" V("1.0.0+b7", "") "}}",
     NULL,
     TOP "\"versions\":{\"1.0.0\":" SHOWN("1.0.0", "") "},\"dist-tags\":{\"latest\":\"1.0.0\"},\"time\":{" AT(
         "2001-01-01T00:00:00.000Z") ",\"1.0.0\":\"2001-01-01T00:00:00.000Z\"},"
     "\"modified\":\"2001-01-01T00:00:00.000Z\"}"},
    /* Versions that contradict themselves, or that nobody could fetch, are left out. */
    {TOP "\"versions\":{\"1.0.0\":" V("1.0.0", "") ",\"1.1.0\":" V("1.1.1", "") ",\"x\":" V("1.2.0", "")
         ",\"1.3.0\":{\"name\":\"q\",\"version\":\"1.3.0\",\"dist\":{\"tarball\":\"http://up/x\"}},"
         "\"1.4.0\":{\"name\":\"p\",\"version\":\"1.4.0\",\"dist\":{\"tarball\":\"\"}},"
         "\"1.5.0\":{\"name\":\"p\",\"version\":\"1.5.0\",\"dist\":[]},\"1.6.0\":[],\"1.7.0\":null}}",
     NULL,
     TOP "\"versions\":{\"1.0.0\":" SHOWN("1.0.0", "") "},\"dist-tags\":{\"latest\":\"1.0.0\"},\"time\":{" AT(
         KNOWN) ",\"1.0.0\":\"" KNOWN "\"},\"modified\":\"" KNOWN "\"}"},
    /* 5.2: the short form, from a long one. */
    {TOP "\"versions\":{\"1.0.0\":" V("1.0.0",
         ",\"scripts\":{\"test\":\"t\",\"postinstall\":\"x\"},\"readme\":\"r\",\"author\":\"a\",\"libc\":[\"musl\"],"
         "\"bundledDependencies\":[\"b\"],\"_npmUser\":{\"name\":\"u\",\"email\":\"e\",\"trustedPublisher\":{\"id\":"
         "\"g\"}},\"hasInstallScript\":false") "}}",
     NULL,
     TOP "\"versions\":{\"1.0.0\":" SHOWN("1.0.0",
         ",\"libc\":[\"musl\"],\"_npmUser\":{\"name\":\"u\",\"trustedPublisher\":{\"id\":\"g\"}},"
         "\"bundleDependencies\":[\"b\"],\"hasInstallScript\":true") "},\"dist-tags\":{\"latest\":\"1.0.0\"},"
     "\"time\":{" AT(KNOWN) ",\"1.0.0\":\"" KNOWN "\"},\"modified\":\"" KNOWN "\"}"},
    /* What signs and attests stays, but for where it is asked for. */
    {TOP "\"versions\":{\"1.0.0\":{\"name\":\"p\",\"version\":\"1.0.0\",\"dist\":{\"integrity\":\"sha512-x\",\"tarball\":"
         "\"http://up/x.tgz\",\"npm-signature\":\"old\",\"signatures\":[{\"keyid\":\"k\", \"sig\":\"s\"}],\"attestations\":"
         "{\"url\":\"http://up/-/npm/v1/attestations/p@1.0.0\",\"provenance\":{\"predicateType\":\"t\"}}}}}}",
     NULL,
     TOP "\"versions\":{\"1.0.0\":{\"name\":\"p\",\"version\":\"1.0.0\",\"dist\":{\"tarball\":"
         "\"http://h/npm/o/r/p/-/p-1.0.0.tgz\",\"integrity\":\"sha512-x\",\"signatures\":[{\"keyid\":\"k\", \"sig\":\"s\"}],"
         "\"attestations\":{\"url\":\"http://h/npm/o/r/-/npm/v1/attestations/p@1.0.0\",\"provenance\":{\"predicateType\":"
         "\"t\"}}}}},\"dist-tags\":{\"latest\":\"1.0.0\"},\"time\":{" AT(KNOWN) ",\"1.0.0\":\"" KNOWN
     "\"},\"modified\":\"" KNOWN "\"}"},
};

static void a_document_is_shown_as_ours(void **state)
{
    struct strbuf out;
    int64_t modified_us;
    struct error err = {0};

    (void)state;
    for (size_t row = 0; row < COUNT(documents); row++)
        for (enum npm_form form = NPM_FULL; form <= NPM_ABBREVIATED; form++) {
            const char *expected =
                form == NPM_FULL ? documents[row].full : documents[row].abbreviated;

            if (show(documents[row].document, form, &out, &modified_us, &err))
                fail_msg("row %zu: %s", row, err.message);
            must_be_json(&out);
            if (expected && strcmp(out.data, expected))
                fail_msg("row %zu:\n%s\nexpected\n%s", row, out.data, expected);
        }
}

static const struct {
    const char *document;
    enum status expected;
} broken[] = {
    {"",                                                                    STATUS_BAD_UPSTREAM},
    {"<html>",                                                              STATUS_BAD_UPSTREAM},
    {"[]",                                                                  STATUS_BAD_UPSTREAM},
    {"{}",                                                                  STATUS_BAD_UPSTREAM},
    {"{\"error\":\"not found\"}",                                           STATUS_BAD_UPSTREAM},
    {TOP "\"x\":1}",                                                        STATUS_BAD_UPSTREAM},
    {"{\"versions\":{\"1.0.0\":" V("1.0.0", "") "}}",                       STATUS_BAD_UPSTREAM},
    {"{\"name\":\"P\",\"versions\":{\"1.0.0\":" V("1.0.0", "") "}}",        STATUS_BAD_UPSTREAM},
    {TOP "\"versions\":{\"1.0.0\":" V("1.0.0", "") "},\"name\":\"q\"}",     STATUS_BAD_UPSTREAM},
    {TOP "\"versions\":[]}",                                                STATUS_BAD_UPSTREAM},
    {TOP "\"versions\":null}",                                              STATUS_BAD_UPSTREAM},
    {TOP "\"versions\":{\"1.0.0\":" V("1.0.0", "") "}",                     STATUS_BAD_UPSTREAM},
    {TOP "\"versions\":{\"1.0.0\":" V("1.0.0", "") "}} x",                  STATUS_BAD_UPSTREAM},
    {TOP "\"versions\":{\"1.0.0\":" V("1.0.0", ",\"x\":'y'") "}}",          STATUS_BAD_UPSTREAM},
    {TOP "\"versions\":{\"1.0.0\":" V("1.0.0", ",\"x\":\"\xff\"") "}}",     STATUS_BAD_UPSTREAM},
    /* Packuments, of which nothing can be shown. */
    {TOP "\"versions\":{}}",                                                STATUS_NOT_FOUND   },
    {TOP "\"time\":{\"unpublished\":{\"name\":\"u\"}}}",                    STATUS_NOT_FOUND   },
    {TOP "\"versions\":{\"1.0.0\":" V("2.0.0", "") "}}",                    STATUS_NOT_FOUND   },
};

static void what_is_no_packument_is_refused(void **state)
{
    struct strbuf out;
    int64_t modified_us;

    (void)state;
    for (size_t row = 0; row < COUNT(broken); row++) {
        enum status rc = show(broken[row].document, NPM_FULL, &out, &modified_us, NULL);

        if (rc != broken[row].expected)
            fail_msg("row %zu: %s", row, status_word(rc));
    }
}

#define TAGGED(tags, versions) TOP "\"dist-tags\":{" tags "},\"versions\":{" versions "}}"
#define ONE(version) "\"" version "\":" V(version, "")

/* 16.1. */
static const struct {
    const char *document, *removed[3], *tags;
} retagged[] = {
    {TAGGED("\"latest\":\"2.0.0\"", ONE("1.0.0") "," ONE("2.0.0") "," ONE("3.0.0")), {"2.0.0"}, "{\"latest\":\"1.0.0\"}"},
    {TAGGED("\"latest\":\"1.0.0\"", ONE("1.0.0") "," ONE("2.0.0") "," ONE("10.0.0")), {"1.0.0"}, "{\"latest\":\"10.0.0\"}"},
    {TAGGED("\"latest\":\"1.0.0\"", ONE("1.0.0") "," ONE("1.0.1-a") "," ONE("1.0.1-b")), {"1.0.0"}, "{\"latest\":\"1.0.1-b\"}"},
    {TAGGED("\"latest\":\"2.0.0\",\"next\":\"3.0.0-b.2\",\"old\":\"1.0.0\"", ONE("1.0.0") "," ONE("2.0.0") "," ONE("3.0.0-b.1") "," ONE("3.0.0-b.2")),
     {"3.0.0-b.2"}, "{\"latest\":\"2.0.0\",\"next\":\"3.0.0-b.1\",\"old\":\"1.0.0\"}"},
    {TAGGED("\"latest\":\"2.0.0\",\"v1\":\"1.2.0\",\"beta\":\"3.0.0-b\"", ONE("1.1.0") "," ONE("1.2.0") "," ONE("2.0.0") "," ONE("3.0.0-b")),
     {"1.2.0", "3.0.0-b"}, "{\"latest\":\"2.0.0\",\"v1\":\"1.1.0\"}"},
};

static void no_tag_points_at_a_removed_version(void **state)
{
    struct strbuf out;
    int64_t modified_us;
    struct error err = {0};

    (void)state;
    for (size_t row = 0; row < COUNT(retagged); row++) {
        memcpy(removed, retagged[row].removed, sizeof retagged[row].removed);
        if (show(retagged[row].document, NPM_FULL, &out, &modified_us, &err))
            fail_msg("row %zu: %s", row, err.message);
        must_be_json(&out);
        if (!strstr(out.data, retagged[row].tags))
            fail_msg("row %zu: %s", row, out.data);
        memset(removed, 0, sizeof removed);
    }
}

static void a_removed_version_takes_no_time_back(void **state)
{
    static const char document[] =
        TOP "\"versions\":{" ONE("1.0.0") "," ONE("2.0.0") "},\"time\":{\"1.0.0\":\"2015-01-01T00:00:00Z\","
            "\"2.0.0\":\"2016-01-01T00:00:00Z\"}}";
    int64_t modified_us[2];
    struct strbuf out;

    (void)state;
    for (int i = 0; i < 2; i++) {
        removed[0] = i ? "2.0.0" : NULL;
        assert_int_equal(show(document, NPM_FULL, &out, &modified_us[i], NULL), STATUS_OK);
        assert_non_null(strstr(out.data, "\"modified\":\"2016-01-01T00:00:00.000Z\""));
    }
    removed[0] = NULL;
    assert_int_equal(modified_us[0], modified_us[1]);
}

static void a_removed_latest_leaves_no_readme_behind(void **state)
{
    static const char document[] =
        TOP "\"readme\":\"the key is 7\",\"description\":\"bad\",\"license\":\"MIT\",\"dist-tags\":{\"latest\":\"2.0.0\"},"
            "\"versions\":{\"1.0.0\":" V("1.0.0", ",\"description\":\"good\"") "," ONE("2.0.0") "}}";
    struct strbuf out;
    int64_t modified_us;

    (void)state;
    removed[0] = "2.0.0";
    assert_int_equal(show(document, NPM_FULL, &out, &modified_us, NULL), STATUS_OK);
    removed[0] = NULL;
    must_be_json(&out);
    assert_null(strstr(out.data, "the key is 7"));
    assert_null(strstr(out.data, "bad"));
    assert_non_null(strstr(out.data, "},\"description\":\"good\"}"));
}

static void pinned_bytes_are_listed_as_they_are_pinned(void **state)
{
    static const char document[] =
        TOP "\"versions\":{\"1.0.0\":{\"name\":\"p\",\"version\":\"1.0.0\",\"dist\":{\"shasum\":\"new\",\"integrity\":\"sha512-new\","
            "\"tarball\":\"t\",\"fileCount\":3}}}}";
    const struct npm_pinned old = {.integrity = "sha512-old"};
    struct strbuf out;
    int64_t modified_us;

    (void)state;
    pinned = &old;
    assert_int_equal(show(document, NPM_ABBREVIATED, &out, &modified_us, NULL), STATUS_OK);
    pinned = NULL;
    must_be_json(&out);
    assert_non_null(strstr(out.data, "p-1.0.0.tgz\",\"integrity\":\"sha512-old\",\"fileCount\":3}"));
    assert_null(strstr(out.data, "new"));
}

static void one_version_is_found_by_any_name_of_it(void **state)
{
    static const struct {
        const char *asked, *found;
    } rows[] = {
        {"1.0.0",    "1.0.0"},
        {"v1.0.0",   "1.0.0"},
        {"1.0.0+x",  "1.0.0"},
        {"latest",   "2.0.0"},
        {"old",      "1.0.0"},
        {"gone",     NULL   },
        {"3.0.0",    NULL   },
        {"^1.0.0",   NULL   },
        {"",         NULL   },
    };
    static const char document[] =
        TAGGED("\"latest\":\"2.0.0\",\"old\":\"1.0.0\",\"gone\":\"7.0.0\"",
               "\"1.0.0+b\":" V("1.0.0+b", "") "," ONE("2.0.0"));
    struct npm_upstream_packument packument;
    struct memory_reader reader;

    (void)state;
    memory_reader_init(&reader, document, strlen(document));
    assert_int_equal(npm_upstream_read(&reader.reader, "p", arena, &packument, NULL), STATUS_OK);
    npm_upstream_settle_tags(&packument);
    for (size_t row = 0; row < COUNT(rows); row++) {
        const struct npm_entry *version = npm_upstream_find(&packument, rows[row].asked);
        struct npm_listing listing;

        if (!version != !rows[row].found || (version && strcmp(version->key, rows[row].found)))
            fail_msg("row %zu: %s", row, version ? version->key : "none");
        if (!version)
            continue;
        memory_reader_init(&reader, document, strlen(document));
        assert_int_equal(
            npm_upstream_take(&packument, version, &reader.reader, arena, &listing, NULL),
            STATUS_OK);
        assert_string_equal(listing.tarball, "http://up/x.tgz");
    }
}

/* A document that is nowhere: its versions are made as they are read. */
struct endless {
    struct reader reader;
    size_t next, count, at;
    struct strbuf piece;
    char *filler;
};

static enum status read_endless(struct reader *reader, void *buffer, size_t size, size_t *got,
                                struct error *err)
{
    struct endless *endless = (struct endless *)reader;

    (void)err;
    if (endless->at == endless->piece.length && endless->next <= endless->count) {
        size_t i = endless->next++;

        strbuf_clear(&endless->piece);
        endless->at = 0;
        if (!i)
            strbuf_text(&endless->piece, TOP "\"versions\":{");
        else
            strbuf_format(&endless->piece,
                          "%s\"%zu.0.0\":{\"name\":\"p\",\"version\":\"%zu.0.0\",\"dist\":{"
                          "\"tarball\":\"http://up/x.tgz\"},\"filler\":\"%s\"}%s",
                          i > 1 ? "," : "", i, i, endless->filler,
                          i == endless->count ? "}}" : "");
    }
    *got = endless->piece.length - endless->at < size ? endless->piece.length - endless->at : size;
    memcpy(buffer, endless->piece.data + endless->at, *got);
    endless->at += *got;
    return STATUS_OK;
}

size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static size_t allocated_bytes(void)
{
    return __sanitizer_get_current_allocated_bytes ? __sanitizer_get_current_allocated_bytes()
                                                   : mallinfo2().uordblks;
}

struct measuring {
    size_t bytes, most;
};

static enum status measure(void *context, const void *bytes, size_t length, struct error *err)
{
    struct measuring *measuring = context;
    size_t now = allocated_bytes();

    (void)bytes;
    (void)err;
    measuring->bytes += length;
    if (now > measuring->most)
        measuring->most = now;
    return STATUS_OK;
}

static void a_document_of_100_mb_takes_little_memory(void **state)
{
    enum { VERSIONS = 1000, FILLER = 100 << 10 };
    struct endless endless = {.reader = {.read = read_endless}, .count = VERSIONS};
    struct measuring measuring = {0};
    struct npm_sink sink = {measure, &measuring};
    struct npm_upstream_view view = {.form = NPM_FULL, .base = "http://h/npm/o/r"};
    struct npm_upstream_packument packument;
    size_t before;
    int64_t modified_us;

    (void)state;
    endless.filler = arena_alloc(arena, FILLER + 1);
    memset(endless.filler, 'x', FILLER);
    strbuf_init(&endless.piece, NULL, 1 << 20);
    before = allocated_bytes();
    assert_int_equal(npm_upstream_read(&endless.reader, "p", arena, &packument, NULL), STATUS_OK);
    endless.next = endless.at = endless.piece.length = 0;
    assert_int_equal(
        npm_upstream_show(&packument, &endless.reader, &view, &sink, &modified_us, NULL),
        STATUS_OK);
    assert_true(measuring.bytes > (size_t)VERSIONS * FILLER);
    assert_true(measuring.most - before < 4 << 20);
    strbuf_free(&endless.piece);
}

static void times_are_read_in_many_spellings(void **state)
{
    static const struct {
        const char *text;
        int64_t expected_ms;
    } rows[] = {
        {"1970-01-01T00:00:01.000Z",         1000          },
        {"2015-02-03T04:05:06.007Z",         1422936306007 },
        {"2015-02-03T04:05:06.007999Z",      1422936306007 },
        {"2015-02-03T04:05:06.0079990000Z",  1422936306007 },
        {"2015-02-03T04:05:06+00:00",        1422936306000 },
        {"2015-02-03T05:05:06.5+01:00",      1422936306500 },
        {"2015-02-02T23:05:06-0500",         1422936306000 },
        {"2015-02-03 04:05:06",              1422936306000 },
        {"2015-02-03t04:05:06z",             1422936306000 },
        {"2016-02-29T23:59:59Z",             1456790399000 },
        {"2100-03-01T00:00:00Z",             4107542400000 },
        {"2015-02-03",                       -1            },
        {"2015-13-03T04:05:06Z",             -1            },
        {"2015-02-03T25:05:06Z",             -1            },
        {"2015-02-03T04:05:06Zulu",          -1            },
        {"2015-02-03T04:05:06+x",            -1            },
        {"1960-01-01T00:00:00Z",             -1            },
        {"yesterday",                        -1            },
        {"",                                 -1            },
    };

    (void)state;
    for (size_t row = 0; row < COUNT(rows); row++) {
        int64_t us = clock_parse_iso(rows[row].text);

        if ((us < 0 ? -1 : us / 1000) != rows[row].expected_ms)
            fail_msg("%s: %lld", rows[row].text, (long long)us);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_document_is_shown_as_ours, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_packument_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(no_tag_points_at_a_removed_version, setup, teardown),
        cmocka_unit_test_setup_teardown(a_removed_version_takes_no_time_back, setup, teardown),
        cmocka_unit_test_setup_teardown(a_removed_latest_leaves_no_readme_behind, setup, teardown),
        cmocka_unit_test_setup_teardown(pinned_bytes_are_listed_as_they_are_pinned, setup, teardown),
        cmocka_unit_test_setup_teardown(one_version_is_found_by_any_name_of_it, setup, teardown),
        cmocka_unit_test_setup_teardown(a_document_of_100_mb_takes_little_memory, setup, teardown),
        cmocka_unit_test(times_are_read_in_many_spellings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
