#include "storage/memory/gzip.h"
#include "storage/memory/strbuf.h"
#include "storage/memory/stream.h"
#include "storage/memory/unpack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

enum { ARCHIVE_MAX = 64 << 20 };

/* Adds one tar member (POSIX ustar): a file with its content, or another type without. */
static void add_tar(struct strbuf *tar, const char *path, char type, uint64_t size,
                    const char *content)
{
    char head[512] = {0};
    unsigned sum = 0;

    snprintf(head, 100, "%s", path);
    snprintf(head + 100, 8, "0000644");
    snprintf(head + 108, 8, "0000000");
    snprintf(head + 116, 8, "0000000");
    snprintf(head + 124, 12, "%011llo", (unsigned long long)size);
    snprintf(head + 136, 12, "00000000000");
    memset(head + 148, ' ', 8);
    head[156] = type;
    if (type == '1' || type == '2')
        snprintf(head + 157, 100, "target");
    memcpy(head + 257, "ustar\00000", 8);
    for (size_t i = 0; i < sizeof head; i++)
        sum += (unsigned char)head[i];
    snprintf(head + 148, 8, "%06o", sum);
    strbuf_bytes(tar, head, sizeof head);
    if (content) {
        static const char zeros[512];

        strbuf_bytes(tar, content, size);
        strbuf_bytes(tar, zeros, (512 - size % 512) % 512);
    }
}

static void add_file(struct strbuf *tar, const char *path, const char *content)
{
    add_tar(tar, path, '0', strlen(content), content);
}

static void end_tar(struct strbuf *tar)
{
    static const char zeros[1024];

    strbuf_bytes(tar, zeros, sizeof zeros);
}

static void put_le(struct strbuf *out, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        strbuf_char(out, (char)(value >> 8 * i));
}

struct zip {
    struct strbuf bytes, directory;
    unsigned count;
};

static void zip_init(struct zip *zip)
{
    strbuf_init(&zip->bytes, NULL, ARCHIVE_MAX);
    strbuf_init(&zip->directory, NULL, ARCHIVE_MAX);
    zip->count = 0;
}

/* What local head and directory have in common, APPNOTE 4.3.7 and 4.3.12. */
static void put_zip_fields(struct strbuf *out, unsigned flags, unsigned method, uint32_t crc,
                           size_t packed, size_t size, const char *path)
{
    put_le(out, 20, 2);
    put_le(out, flags, 2);
    put_le(out, method, 2);
    put_le(out, 0x21, 4);
    put_le(out, crc, 4);
    put_le(out, (uint32_t)packed, 4);
    put_le(out, (uint32_t)size, 4);
    put_le(out, (uint32_t)strlen(path), 2);
    put_le(out, 0, 2);
}

/* A deflated member; said_size may lie. A gzip is a raw deflate stream within ten and eight bytes.
 */
static void add_zip(struct zip *zip, const char *path, const char *content, size_t said_size,
                    unsigned flags, unsigned method)
{
    size_t gzip_length, offset = zip->bytes.length;
    unsigned char *gzip = gzip_compress(content, strlen(content), &gzip_length);
    uint32_t crc;

    memcpy(&crc, gzip + gzip_length - 8, 4);
    put_le(&zip->bytes, 0x04034b50, 4);
    put_zip_fields(&zip->bytes, flags, method, crc, gzip_length - 18, said_size, path);
    strbuf_text(&zip->bytes, path);
    strbuf_bytes(&zip->bytes, gzip + 10, gzip_length - 18);
    put_le(&zip->directory, 0x02014b50, 4);
    put_le(&zip->directory, 0x0314, 2);
    put_zip_fields(&zip->directory, flags, method, crc, gzip_length - 18, said_size, path);
    put_le(&zip->directory, 0, 6);
    put_le(&zip->directory, 0100644u << 16, 4);
    put_le(&zip->directory, (uint32_t)offset, 4);
    strbuf_text(&zip->directory, path);
    zip->count++;
    free(gzip);
}

static void end_zip(struct zip *zip)
{
    size_t offset = zip->bytes.length;

    strbuf_bytes(&zip->bytes, zip->directory.data, zip->directory.length);
    put_le(&zip->bytes, 0x06054b50, 4);
    put_le(&zip->bytes, 0, 4);
    put_le(&zip->bytes, zip->count, 2);
    put_le(&zip->bytes, zip->count, 2);
    put_le(&zip->bytes, (uint32_t)zip->directory.length, 4);
    put_le(&zip->bytes, (uint32_t)offset, 4);
    put_le(&zip->bytes, 0, 2);
    strbuf_free(&zip->directory);
}

static int file_of(const void *bytes, size_t length)
{
    int fd = memfd_create("archive", MFD_CLOEXEC);

    assert_int_equal(write(fd, bytes, length), length);
    return fd;
}

static enum status walk(const void *bytes, size_t length, enum unpack_format format,
                        const struct unpack_limits *limits, struct unpack_totals *totals,
                        struct error *err)
{
    int fd = file_of(bytes, length);
    enum status rc = unpack_walk(fd, length, format, limits, NULL, NULL, totals, err);

    close(fd);
    return rc;
}

/* Compresses the tar, frees it and walks it. */
static enum status walk_tar(struct strbuf *tar, const struct unpack_limits *limits,
                            struct unpack_totals *totals, struct error *err)
{
    size_t length;
    void *gzip = gzip_compress(tar->data, tar->length, &length);
    enum status rc = walk(gzip, length, UNPACK_TAR_GZIP, limits, totals, err);

    free(gzip);
    strbuf_free(tar);
    return rc;
}

static bool is_metadata(void *context, const char *path)
{
    return unpack_path_matches(context, path);
}

/* As a wheel is asked for its metadata. */
static enum status find(const struct strbuf *bytes, enum unpack_format format, const char *pattern,
                        struct strbuf *out, struct unpack_found *found, struct error *err)
{
    int fd = file_of(bytes->data, bytes->length);
    enum status rc =
        unpack_find(fd, bytes->length, format, NULL, is_metadata, (void *)pattern, out, found, err);

    close(fd);
    return rc;
}

static void metadata_of_a_wheel_is_found_and_counted(void **state)
{
    for (unsigned count = 0; count <= 2; count++) {
        struct unpack_found found;
        struct error err = {0};
        struct strbuf out;
        struct zip zip;

        (void)state;
        zip_init(&zip);
        add_zip(&zip, "hello/__init__.py", "print(1)\n", 9, 0, 8);
        if (count > 0)
            add_zip(&zip, "hello-1.0.dist-info/METADATA", "Name: hello\n", 12, 0, 8);
        if (count > 1)
            add_zip(&zip, "other-1.0.dist-info/METADATA", "Name: other\n", 12, 0, 8);
        add_zip(&zip, "a/b.dist-info/METADATA", "x", 1, 0, 8);
        end_zip(&zip);
        strbuf_init(&out, NULL, 100);
        if (find(&zip.bytes, UNPACK_ZIP, "*.dist-info/METADATA", &out, &found, &err))
            fail_msg("%s", err.message);
        assert_int_equal(found.count, count);
        assert_string_equal(out.data, count ? "Name: hello\n" : "");
        assert_string_equal(found.path, count ? "hello-1.0.dist-info/METADATA" : "");
        assert_int_equal(found.totals.files, 2 + count);
        assert_int_equal(found.totals.bytes, 10 + 12 * count);
        strbuf_free(&out);
        strbuf_free(&zip.bytes);
    }
}

static void a_manifest_is_found_in_a_tarball(void **state)
{
    struct strbuf tar, gzip, out;
    struct unpack_found found;
    struct error err = {0};

    (void)state;
    strbuf_init(&tar, NULL, ARCHIVE_MAX);
    add_tar(&tar, "package/", '5', 0, NULL);
    add_file(&tar, "package/index.js", "1");
    add_file(&tar, "package/package.json", "{\"name\":\"hello\"}");
    add_file(&tar, "package/lib/package.json", "{}");
    add_tar(&tar, "package/link", '2', 0, NULL);
    end_tar(&tar);
    gzip = (struct strbuf){0};
    gzip.data = gzip_compress(tar.data, tar.length, &gzip.length);
    strbuf_init(&out, NULL, 100);
    if (find(&gzip, UNPACK_TAR_GZIP, "*/package.json", &out, &found, &err))
        fail_msg("%s", err.message);
    assert_int_equal(found.count, 1);
    assert_string_equal(out.data, "{\"name\":\"hello\"}");
    assert_int_equal(found.totals.entries, 5);
    assert_int_equal(found.totals.files, 3);
    assert_int_equal(found.totals.bytes, 19);
    free(gzip.data);
    strbuf_free(&tar);
    strbuf_free(&out);
}

static enum status count_links(void *context, const struct unpack_entry *entry,
                               struct reader *content, struct error *err)
{
    (void)content;
    (void)err;
    *(int *)context += entry->kind == UNPACK_LINK;
    return STATUS_OK;
}

static void a_stream_is_walked_as_a_file_is(void **state)
{
    struct strbuf tar;
    struct memory_reader source;
    struct unpack_totals totals;
    struct error err = {0};
    size_t length;
    void *gzip;
    int links = 0;

    (void)state;
    strbuf_init(&tar, NULL, ARCHIVE_MAX);
    add_file(&tar, "./a", "12345");
    add_tar(&tar, "b", '1', 0, NULL);
    add_tar(&tar, "c", '2', 0, NULL);
    end_tar(&tar);
    gzip = gzip_compress(tar.data, tar.length, &length);
    memory_reader_init(&source, gzip, length);
    assert_int_equal(unpack_walk_stream(&source.reader, NULL, count_links, &links, &totals, &err),
                     STATUS_OK);
    assert_int_equal(totals.entries, 3);
    assert_int_equal(totals.bytes, 5);
    assert_int_equal(links, 2);
    free(gzip);
    strbuf_free(&tar);
}

/* Paths that must never reach a client, in both formats; what is harmless passes. */
static const struct {
    const char *path, *why; /* NULL: passes */
} paths[] = {
    {"a/b.txt",                                               NULL               },
    {"./a",                                                   NULL               },
    {"a..b/..c",                                              NULL               },
    {"caf\xc3\xa9/\xe2\x82\xac",                              NULL               },
    {"../a",                                                  "\"..\""           },
    {"a/../../b",                                             "\"..\""           },
    {"a/..",                                                  "\"..\""           },
    {"..\\a",                                                 "\"..\""           },
    {"a\\..\\b",                                              "\"..\""           },
    {"/etc/passwd",                                           "absolute"         },
    {"\\a",                                                   "absolute"         },
    {"C:/a",                                                  "absolute"         },
    {"c:a",                                                   "absolute"         },
    {"a\nb",                                                  "control character"},
    {"a\x7f",                                                 "control character"},
    {"a\xff",                                                 "not UTF-8"        },
    {"a/b/c/d/e/f",                                           "too deep"         },
    {"a/bcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz", "too long"         },
};

static void paths_that_leave_the_archive_are_refused(void **state)
{
    struct unpack_limits limits = unpack_limits_default;

    (void)state;
    limits.depth = 5;
    limits.path_length = 40;
    for (size_t row = 0; row < sizeof paths / sizeof *paths; row++)
        for (int format = UNPACK_TAR_GZIP; format <= UNPACK_ZIP; format++) {
            struct error err = {0};
            enum status rc;

            if (format == UNPACK_ZIP) {
                struct zip zip;

                zip_init(&zip);
                add_zip(&zip, paths[row].path, "x", 1, 0x800, 8);
                end_zip(&zip);
                rc = walk(zip.bytes.data, zip.bytes.length, UNPACK_ZIP, &limits, NULL, &err);
                strbuf_free(&zip.bytes);
            } else {
                struct strbuf tar;

                strbuf_init(&tar, NULL, ARCHIVE_MAX);
                add_file(&tar, paths[row].path, "x");
                end_tar(&tar);
                rc = walk_tar(&tar, &limits, NULL, &err);
            }
            if (!paths[row].why ? rc != STATUS_OK
                                : rc != STATUS_INVALID || strcmp(err.code, "archive-unsafe") ||
                                      !strstr(err.message, paths[row].why))
                fail_msg("row %zu, format %d: %s %s", row, format, status_word(rc), err.message);
        }
}

static void special_files_are_refused(void **state)
{
    for (const char *type = "346"; *type; type++) { /* character device, block device, FIFO */
        struct error err = {0};
        struct strbuf tar;

        (void)state;
        strbuf_init(&tar, NULL, ARCHIVE_MAX);
        add_tar(&tar, "dev", *type, 0, NULL);
        end_tar(&tar);
        assert_int_equal(walk_tar(&tar, NULL, NULL, &err), STATUS_INVALID);
        assert_string_equal(err.message, "the archive's entry \"dev\" is no file, folder or link");
    }
}

static void too_many_entries_are_refused(void **state)
{
    struct unpack_limits limits = unpack_limits_default;
    struct error err = {0};
    struct strbuf tar;
    struct zip zip;

    (void)state;
    limits.entries = 10;
    strbuf_init(&tar, NULL, ARCHIVE_MAX);
    zip_init(&zip);
    for (int i = 0; i < 11; i++) {
        char name[20];

        snprintf(name, sizeof name, "file%d", i);
        add_file(&tar, name, "");
        add_zip(&zip, name, "", 0, 0, 8);
    }
    end_tar(&tar);
    end_zip(&zip);
    assert_int_equal(walk_tar(&tar, &limits, NULL, &err), STATUS_INVALID);
    assert_string_equal(err.message, "the archive's entry \"file10\" is one too many");
    assert_int_equal(walk(zip.bytes.data, zip.bytes.length, UNPACK_ZIP, &limits, NULL, &err),
                     STATUS_INVALID);
    assert_string_equal(err.message, "the archive's entry \"file10\" is one too many");
    strbuf_free(&zip.bytes);
}

static void a_bomb_is_refused_by_what_it_says_and_by_what_it_is(void **state)
{
    struct unpack_limits limits = unpack_limits_default;
    size_t size = 4 << 20;
    char *zeros = malloc(size + 1);
    struct unpack_totals totals;
    struct error err = {0};
    struct strbuf tar;

    (void)state;
    memset(zeros, '0', size);
    zeros[size] = '\0';
    limits.ratio_from = 1 << 20;
    strbuf_init(&tar, NULL, ARCHIVE_MAX);
    add_file(&tar, "zeros", zeros);
    end_tar(&tar);
    assert_int_equal(walk_tar(&tar, &limits, NULL, &err), STATUS_INVALID);
    assert_non_null(strstr(err.message, "\"zeros\" passes the limit of unpacked to packed"));

    strbuf_init(&tar, NULL, ARCHIVE_MAX);
    add_tar(&tar, "lie", '0', UINT64_C(8589934591), NULL);
    limits = unpack_limits_default;
    limits.bytes = 1 << 30;
    assert_int_equal(walk_tar(&tar, &limits, NULL, &err), STATUS_INVALID);
    assert_non_null(strstr(err.message, "\"lie\" passes the limit of unpacked bytes"));

    strbuf_init(&tar, NULL, ARCHIVE_MAX);
    add_file(&tar, "zeros", zeros);
    end_tar(&tar);
    assert_int_equal(walk_tar(&tar, NULL, &totals, &err), STATUS_OK);
    assert_int_equal(totals.bytes, size);
    free(zeros);
}

static void a_found_entry_has_a_cap(void **state)
{
    struct unpack_found found;
    struct error err = {0};
    struct strbuf out;
    struct zip zip;

    (void)state;
    zip_init(&zip);
    add_zip(&zip, "a.dist-info/METADATA", "0123456789", 10, 0, 8);
    end_zip(&zip);
    strbuf_init(&out, NULL, 9);
    assert_int_equal(find(&zip.bytes, UNPACK_ZIP, "*/METADATA", &out, &found, &err),
                     STATUS_INVALID);
    assert_string_equal(err.message,
                        "the archive's entry \"a.dist-info/METADATA\" is larger than 9 bytes");
    strbuf_free(&out);
    strbuf_free(&zip.bytes);
}

/* A zip entry whose size is a lie, that is encrypted, or compressed with bzip2. */
static const struct {
    size_t said_size;
    unsigned flags, method;
    const char *code;
} zips[] = {
    {10, 0, 8,  ""              },
    {4,  0, 8,  "archive-broken"},
    {11, 0, 8,  "archive-broken"},
    {10, 1, 8,  "archive-unsafe"},
    {10, 0, 12, "archive-unsafe"},
    {10, 0, 14, "archive-unsafe"},
    {10, 0, 93, "archive-unsafe"},
};

static void a_zip_that_lies_is_refused(void **state)
{
    (void)state;
    for (size_t row = 0; row < sizeof zips / sizeof *zips; row++) {
        struct unpack_found found;
        struct error err = {0};
        struct strbuf out;
        struct zip zip;
        enum status rc;

        zip_init(&zip);
        add_zip(&zip, "a", "0123456789", zips[row].said_size, zips[row].flags, zips[row].method);
        end_zip(&zip);
        strbuf_init(&out, NULL, 100);
        rc = find(&zip.bytes, UNPACK_ZIP, "a", &out, &found, &err);
        if (rc != (*zips[row].code ? STATUS_INVALID : STATUS_OK) ||
            strcmp(err.code, zips[row].code) != 0)
            fail_msg("row %zu: %s %s", row, status_word(rc), err.message);
        strbuf_free(&out);
        strbuf_free(&zip.bytes);
    }
}

static void a_broken_archive_names_where_it_breaks(void **state)
{
    struct error err = {0};
    struct strbuf tar;
    size_t length;
    char *noise = malloc(100001), *gzip;
    uint32_t seed = 7;

    (void)state;
    for (size_t i = 0; i < 100000; i++)
        noise[i] = (char)('!' + ((seed = seed * 1664525 + 1013904223) >> 24) % 90);
    noise[100000] = '\0';
    strbuf_init(&tar, NULL, ARCHIVE_MAX);
    add_file(&tar, "first", "1");
    add_file(&tar, "second", noise);
    end_tar(&tar);
    gzip = gzip_compress(tar.data, tar.length, &length);
    for (size_t cut = 0; cut < length - 1000; cut += 997) {
        enum status rc = walk(gzip, cut, UNPACK_TAR_GZIP, NULL, NULL, &err);

        assert_int_equal(rc, STATUS_INVALID);
        assert_string_equal(err.code, "archive-broken");
    }
    assert_non_null(strstr(err.message, "\"second\""));
    free(gzip);
    free(noise);
    strbuf_free(&tar);
}

static void other_formats_are_refused(void **state)
{
    struct error err = {0};
    struct strbuf tar;
    size_t once_length, twice_length;
    void *once, *twice;
    struct zip zip;

    (void)state;
    strbuf_init(&tar, NULL, ARCHIVE_MAX);
    add_file(&tar, "a", "1");
    end_tar(&tar);
    once = gzip_compress(tar.data, tar.length, &once_length);
    twice = gzip_compress(once, once_length, &twice_length);
    zip_init(&zip);
    add_zip(&zip, "a", "1", 1, 0, 8);
    end_zip(&zip);
    assert_int_equal(walk(tar.data, tar.length, UNPACK_TAR_GZIP, NULL, NULL, &err), STATUS_INVALID);
    assert_int_equal(walk(twice, twice_length, UNPACK_TAR_GZIP, NULL, NULL, &err), STATUS_INVALID);
    assert_int_equal(walk(once, once_length, UNPACK_ZIP, NULL, NULL, &err), STATUS_INVALID);
    assert_int_equal(walk(zip.bytes.data, zip.bytes.length, UNPACK_TAR_GZIP, NULL, NULL, &err),
                     STATUS_INVALID);
    assert_int_equal(walk("hello", 5, UNPACK_TAR_GZIP, NULL, NULL, &err), STATUS_INVALID);
    assert_int_equal(walk("", 0, UNPACK_TAR_GZIP, NULL, NULL, &err), STATUS_INVALID);
    assert_int_equal(walk("", 0, UNPACK_ZIP, NULL, NULL, &err), STATUS_INVALID);
    assert_string_equal(err.code, "archive-broken");
    free(once);
    free(twice);
    strbuf_free(&tar);
    strbuf_free(&zip.bytes);
}

static enum status refuse(void *context, const struct unpack_entry *entry, struct reader *content,
                          struct error *err)
{
    (void)context;
    (void)content;
    return (fail)(err, STATUS_CONFLICT, "mine", "not %s", entry->path);
}

static void the_failure_of_a_visit_comes_back(void **state)
{
    struct error err = {0};
    struct zip zip;
    int fd;

    (void)state;
    zip_init(&zip);
    add_zip(&zip, "a", "1", 1, 0, 8);
    end_zip(&zip);
    fd = file_of(zip.bytes.data, zip.bytes.length);
    assert_int_equal(unpack_walk(fd, zip.bytes.length, UNPACK_ZIP, NULL, refuse, NULL, NULL, &err),
                     STATUS_CONFLICT);
    assert_string_equal(err.message, "not a");
    close(fd);
    strbuf_free(&zip.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metadata_of_a_wheel_is_found_and_counted),
        cmocka_unit_test(a_manifest_is_found_in_a_tarball),
        cmocka_unit_test(a_stream_is_walked_as_a_file_is),
        cmocka_unit_test(paths_that_leave_the_archive_are_refused),
        cmocka_unit_test(special_files_are_refused),
        cmocka_unit_test(too_many_entries_are_refused),
        cmocka_unit_test(a_bomb_is_refused_by_what_it_says_and_by_what_it_is),
        cmocka_unit_test(a_found_entry_has_a_cap),
        cmocka_unit_test(a_zip_that_lies_is_refused),
        cmocka_unit_test(a_broken_archive_names_where_it_breaks),
        cmocka_unit_test(other_formats_are_refused),
        cmocka_unit_test(the_failure_of_a_visit_comes_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
