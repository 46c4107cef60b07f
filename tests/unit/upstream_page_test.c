#include "protocols/pypi/upstream_page.h"

#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define JSON "application/vnd.pypi.simple.v1+json"
#define URL "https://index.example/simple/demo-pkg/"
#define HEX64 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define HEX32 "00112233445566778899aabbccddeeff"
#define WHEEL "demo_pkg-1.0-py3-none-any.whl"

static enum status tell(void *context, const struct upstream_file *file, struct error *err)
{
    struct strbuf *out = context;

    (void)err;
    strbuf_format(out, "%s %s %s kinds=%u size=%lld", file->name, file->version, file->url,
                  file->digests.kinds, (long long)file->size);
    if (file->requires_python)
        strbuf_format(out, " python=%s", file->requires_python);
    if (file->yanked)
        strbuf_format(out, " yanked=%s", file->yanked);
    if (file->uploaded)
        strbuf_format(out, " at=%s", file->uploaded);
    if (file->has_metadata)
        strbuf_format(out, " metadata=%.4s", file->metadata_sha256 ? file->metadata_sha256 : "?");
    strbuf_char(out, '\n');
    return STATUS_OK;
}

/* Gives a byte at a time, so that every place is a place to stop at. */
static enum status read_byte(struct reader *reader, void *buffer, size_t size, size_t *got,
                             struct error *err)
{
    struct memory_reader *memory = (struct memory_reader *)reader;

    (void)err;
    *got = memory->left && size ? 1 : 0;
    if (*got)
        memcpy(buffer, memory->at, 1), memory->at++, memory->left--;
    return STATUS_OK;
}

static enum status read_text(const char *text, const char *type, bool in_bytes, struct strbuf *out,
                             struct upstream_page *page, struct arena *arena, struct error *err)
{
    struct memory_reader reader;

    memory_reader_init(&reader, text, strlen(text));
    if (in_bytes)
        reader.reader.read = read_byte;
    strbuf_init(out, arena, 100000);
    return upstream_page_read(&reader.reader, type, URL, "demo-pkg", tell, out, arena, page, err);
}

static const struct {
    const char *page, *files;
} files[] = {
  /* JSON: each key as the standard says it */
    {"{\"meta\":{\"api-version\":\"1.1\",\"_last-serial\":1},\"name\":\"Demo.Pkg\",\"versions\":["
     "\"1.0\"],"
     "\"files\":[{\"filename\":\"" WHEEL
     "\",\"url\":\"../../files/x#y\",\"hashes\":{\"sha256\":\"" HEX64
     "\",\"blake2b\":\"00\"},\"requires-python\":\">=3.8\",\"core-metadata\":{\"sha256\":\"" HEX64
     "\"},\"data-dist-info-metadata\":false,\"size\":12,\"upload-time\":\"2026-01-02T03:04:05."
     "1234567Z\","
     "\"yanked\":\"bad\",\"provenance\":null,\"_x\":{\"y\":[1,2]}}]}",                           WHEEL " 1.0 https://index.example/files/x kinds=1 size=12 python=>=3.8 yanked=bad"
           " at=2026-01-02T03:04:05.123456Z metadata=0011\n"},
 /* null, false and wrong kinds are absent */
    {                                                                                     "{\"files\":[{\"filename\":\"" WHEEL "\",\"url\":\"x\",\"hashes\":{},\"requires-python\":null,"
     "\"core-metadata\":null,\"size\":null,\"upload-time\":null,\"yanked\":null},"
     "{\"filename\":\"demo-pkg-2.0.tar.gz\",\"url\":\"y\",\"hashes\":null,\"yanked\":false,"
     "\"size\":\"1\","
     "\"requires-python\":\"\",\"upload-time\":\"yesterday\",\"core-metadata\":false}]}", WHEEL " 1.0 " URL "x kinds=0 size=-1\ndemo-pkg-2.0.tar.gz 2.0 " URL "y kinds=0 size=-1\n"},
 /* three spellings of core-metadata, in any order */
    {                                                                                     "{\"files\":[{\"core-metadata\":true,\"dist-info-metadata\":false,\"filename\":\"" WHEEL
     "\",\"url\":\"x\"},{\"dist-info-metadata\":{\"sha256\":\"" HEX64 "\"},\"filename\":\"" WHEEL
     "\",\"url\":\"x\"},{\"data-dist-info-metadata\":{\"sha256\":\"" HEX64
     "\"},\"core-metadata\":false,"
     "\"filename\":\"" WHEEL "\",\"url\":\"x\"},{\"data-dist-info-metadata\":{\"md5\":\"1\"},"
     "\"filename\":\"" WHEEL "\",\"url\":\"x\"}]}",
     WHEEL " 1.0 " URL "x kinds=0 size=-1 metadata=?\n" WHEEL " 1.0 " URL
           "x kinds=0 size=-1 metadata=0011\n" WHEEL " 1.0 " URL "x kinds=0 size=-1\n" WHEEL
           " 1.0 " URL "x kinds=0 size=-1 metadata=?\n"},
 /* other digests; yanked without words; md5 alone */
    {                                                                                     "\xef\xbb\xbf {\"files\":[{\"filename\":\"" WHEEL
     "\",\"url\":\"http://f.example/a\",\"yanked\":true,"
     "\"hashes\":{\"md5\":\"" HEX32
     "\",\"sha256\":\"short\"},\"upload-time\":\"2026-01-02T03:04:05+00:00\"}]}",         WHEEL " 1.0 http://f.example/a kinds=8 size=-1 yanked= at=2026-01-02T03:04:05Z\n"},
 /* what is not this project's, or has no address, is left out */
    {                                                                                     "{\"files\":[{\"filename\":\"other-1.0.tar.gz\",\"url\":\"x\"},{\"filename\":\"demo-pkg-1.0."
     "exe\","
     "\"url\":\"x\"},{\"filename\":\"" WHEEL "\"},{\"url\":\"x\"},{\"filename\":\"" WHEEL
     "\",\"url\":\"ftp://x/\"},7,null,[],{\"filename\":\"demo\\u0000pkg-1.0.zip\",\"url\":\"x\"}]}",                                                                                         ""},
    {                                                                                   "{\"files\":[]}",""},
 /* HTML as the public index writes it */
    {                    "<!DOCTYPE html>\n<html><head><meta name=\"pypi:repository-version\" content=\"1.0\">"
     "<title>Links for demo-pkg</title></head><body><h1>Links for demo-pkg</h1>\n"
     "<a href=\"/files/" WHEEL "#sha256=" HEX64 "\" data-requires-python=\"&gt;=3.8,&lt;4\""
     " data-dist-info-metadata=\"sha256=" HEX64
     "\" data-core-metadata=\"true\" data-yanked=\"a &amp;lt; b\""
     " data-size=\"12\" data-upload-time=\"2026-01-02T03:04:05Z\">" WHEEL
     "</a><br />\n</body></html>",                                                                                         WHEEL " 1.0 https://index.example/files/" WHEEL " kinds=1 size=12 python=>=3.8,<4"
           " yanked=a &lt; b at=2026-01-02T03:04:05Z metadata=?\n"},
 /* written by hand: capitals, no quotes, a base, anchors that nobody closes, references in links
  */
    { "<HTML><base href=//files.example/a/><base href=//no.example/>"
     "<A class=x HREF = '" WHEEL "?a=1&amp;b=2#egg=x&amp;sha256=" HEX64 "'\nDATA-YANKED>\n " WHEEL
     " <b>new</b></A><a href=demo-pkg-1.1.zip#md5=" HEX32 ">demo-pkg-1.1.zip<a href=x>y</a>"
     "<a name=z>z</a><a href=f?id=7>demo_pkg-1.2.tar.gz</a>",                       WHEEL " 1.0 https://files.example/a/" WHEEL "?a=1&b=2 kinds=1 size=-1 yanked=\n"
           "demo-pkg-1.1.zip 1.1 https://files.example/a/demo-pkg-1.1.zip kinds=8 size=-1\n"
           "demo_pkg-1.2.tar.gz 1.2 https://files.example/a/f?id=7 kinds=0 size=-1\n"},
 /* comments and scripts are no markup; a name is decoded */
    {           "<!-- <a href=demo-pkg-9.zip>x</a> --->"
     "<script>'<a href=demo-pkg-9.zip>'</SCRIPT ><style><a href=demo-pkg-9.zip></style>"
     "<a href=\"demo_pkg-1.0%2Bl.1.tar.gz\">x</a><a/href='demo_pkg-1.1.tar.gz'/href=z>&#x64;</a>",    "demo_pkg-1.0+l.1.tar.gz 1.0+l.1 " URL "demo_pkg-1.0%2Bl.1.tar.gz kinds=0 size=-1\n"
     "demo_pkg-1.1.tar.gz 1.1 " URL "demo_pkg-1.1.tar.gz kinds=0 size=-1\n"},
    {                                                                                   "<title>Links for demo-pkg</title>",              ""},
    {                                                                                   "<h1>Index of /simple/demo-pkg</h1><a href='../'>..</a>",                                                                         ""},
    {                           "<a href=demo-pkg-1.zip",              "demo-pkg-1.zip 1 " URL "demo-pkg-1.zip kinds=0 size=-1\n"},
};

static void each_form_says_the_same(void **state)
{
    (void)state;
    for (size_t row = 0; row < COUNT(files); row++)
        for (int in_bytes = 0; in_bytes < 2; in_bytes++) {
            struct arena *arena = arena_new();
            struct upstream_page page;
            struct error err = {0};
            struct strbuf out;

            if (read_text(files[row].page, NULL, in_bytes, &out, &page, arena, &err))
                fail_msg("row %zu: %s", row, err.message);
            if (strcmp(out.data, files[row].files))
                fail_msg("row %zu: %s", row, out.data);
            arena_free(arena);
        }
}

/* What some server answers in place of a page. */
static const char *const refused[] = {
    "",
    "   ",
    "Not Found",
    "[]",
    "{}",
    "{\"message\":\"try again\"}",
    "{\"files\":null}",
    "{\"files\":{}}",
    "{\"files\":[{\"filename\":\"" WHEEL "\",\"url\":\"x\"}",
    "{\"files\":[]} x",
    "{\"files\":[],}",
    "{\"files\":[{\"size\":1.5}]}",
    "{\"meta\":{\"api-version\":\"2.0\"},\"files\":[]}",
    "{\"name\":\"other\",\"files\":[]}",
    "{\"x\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]],\"files\":[]}",
    "<html><title>Sign in</title><a href=/help>Help</a></html>",
    "<html><body><h1>502 Bad Gateway</h1></body></html>",
    "<meta name='pypi:repository-version' content='2.0'>",
    "<",
};

static void what_is_no_page_is_refused(void **state)
{
    (void)state;
    for (size_t row = 0; row < COUNT(refused); row++) {
        struct arena *arena = arena_new();
        struct upstream_page page;
        struct error err = {0};
        struct strbuf out;
        enum status rc = read_text(refused[row], JSON, false, &out, &page, arena, &err);

        if (rc != STATUS_BAD_UPSTREAM || !*err.message)
            fail_msg("row %zu: %d, %s", row, rc, err.message);
        arena_free(arena);
    }
}

static const struct {
    const char *page, *type;
    bool is_mislabelled;
} labels[] = {
    {"{\"files\":[]}",     JSON,                                                false},
    {"{\"files\":[]}",     "Application/vnd.pypi.simple.v1+JSON;charset=utf-8", false},
    {"{\"files\":[]}",     "application/json",                                  true },
    {"{\"files\":[]}",     "text/html",                                         true },
    {"{\"files\":[]}",     NULL,                                                true },
    {"<h1>Links for</h1>", "text/html; charset=utf-8",                          false},
    {"<h1>Links for</h1>", "application/vnd.pypi.simple.v1+html",               false},
    {"<h1>Links for</h1>", "text/htmlx",                                        true },
    {"<h1>Links for</h1>", JSON,                                                true },
};

static void a_wrong_label_is_seen_through(void **state)
{
    (void)state;
    for (size_t row = 0; row < COUNT(labels); row++) {
        struct arena *arena = arena_new();
        struct upstream_page page;
        struct error err;
        struct strbuf out;

        assert_int_equal(
            read_text(labels[row].page, labels[row].type, false, &out, &page, arena, &err), 0);
        if (page.is_mislabelled != labels[row].is_mislabelled)
            fail_msg("row %zu", row);
        arena_free(arena);
    }
}

static void a_project_has_a_status(void **state)
{
    static const char *const pages[] = {
        "{\"files\":[],\"project-status\":{\"status\":\"deprecated\",\"reason\":\"a "
        "<b>\",\"x\":1}}",
        "<meta name=\"pypi:repository-version\" content=\"1.4\"/>"
        "<meta content='deprecated' name='pypi:project-status'/>"
        "<meta name='pypi:project-status-reason' content='a &lt;b>'/>",
    };
    (void)state;
    for (size_t row = 0; row < COUNT(pages); row++) {
        struct arena *arena = arena_new();
        struct upstream_page page;
        struct error err;
        struct strbuf out;

        assert_int_equal(read_text(pages[row], NULL, true, &out, &page, arena, &err), 0);
        assert_string_equal(page.status, "deprecated");
        assert_string_equal(page.reason, "a <b>");
        arena_free(arena);
    }
}

/* A link of a megabyte is a file less, no page less. */
static void what_is_too_long_is_left_out(void **state)
{
    static const char *const around[][2] = {
        {"{\"files\":[{\"url\":\"",
         "\",\"filename\":\"" WHEEL "\"},{\"filename\":\"" WHEEL "\",\"url\":\"x\"}]}"      },
        {"<a href=\"",              "\">" WHEEL "</a><a href=" WHEEL ">x</a>"               },
        {"<a data-yanked=\"",       "\" href=" WHEEL ">" WHEEL "</a><a href=" WHEEL ">x</a>"},
        {"<a href='",               "' >" WHEEL "</a><a href=" WHEEL ">"                    },
    };
    (void)state;
    for (size_t row = 0; row < COUNT(around); row++) {
        struct arena *arena = arena_new();
        struct upstream_page page;
        struct error err;
        struct strbuf text, out;

        strbuf_init(&text, arena, 2000000);
        strbuf_text(&text, around[row][0]);
        for (int i = 0; i < 100000; i++)
            strbuf_text(&text, "0123456789");
        strbuf_text(&text, around[row][1]);
        assert_int_equal(read_text(text.data, NULL, false, &out, &page, arena, &err), 0);
        assert_int_equal(page.files, 1);
        assert_int_equal(page.left_out, 1);
        arena_free(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_form_says_the_same),
        cmocka_unit_test(what_is_no_page_is_refused),
        cmocka_unit_test(a_wrong_label_is_seen_through),
        cmocka_unit_test(a_project_has_a_status),
        cmocka_unit_test(what_is_too_long_is_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
