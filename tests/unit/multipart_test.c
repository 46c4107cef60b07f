#include "protocols/http/multipart.h"

#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"
#include "storage/memory/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define TYPE "multipart/form-data; boundary=b"
#define PART "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n"

static const struct multipart_limits limits = {
    .parts = 10, .head = 300, .text = 1000, .total_text = 3000};

/* A body that comes in pieces of this size, as from a network. */
struct slow_reader {
    struct reader reader;
    struct memory_reader memory;
    size_t piece;
};

static enum status slow_read(struct reader *base, void *buffer, size_t size, size_t *got,
                             struct error *err)
{
    struct slow_reader *slow = (struct slow_reader *)base;

    return reader_read(&slow->memory.reader, buffer, size < slow->piece ? size : slow->piece, got,
                       err);
}

static void slow_reader_init(struct slow_reader *slow, const void *bytes, size_t length,
                             size_t piece)
{
    *slow = (struct slow_reader){
        .reader = {slow_read, NULL},
          .piece = piece
    };
    memory_reader_init(&slow->memory, bytes, length);
}

/* Reads a form and writes "name=text", "name@file:type=text" lines; its failure's code at last. */
static void describe(const char *type, const char *body, size_t length, size_t piece,
                     struct strbuf *out)
{
    struct arena *arena = arena_new();
    const struct multipart_part *part;
    struct multipart *form;
    struct slow_reader slow;
    struct error err = {0};
    size_t text_length;
    char *text;
    enum status rc;

    slow_reader_init(&slow, body, length, piece);
    rc = multipart_open(arena, &slow.reader, type, &limits, &form, &err);
    while (!rc && !(rc = multipart_next(form, &part, &err)) && part) {
        strbuf_text(out, part->name);
        if (part->file_name)
            strbuf_format(out, "@%s:%s", part->file_name,
                          part->content_type ? part->content_type : "");
        if (!(rc = multipart_text(form, arena, &text, &text_length, &err))) {
            strbuf_char(out, '=');
            strbuf_bytes(out, text, text_length);
            strbuf_char(out, '|');
        }
    }
    if (rc)
        strbuf_format(out, "!%s", err.code);
    else
        assert_int_equal(slow.memory.left, 0);
    arena_free(arena);
}

static const struct {
    const char *type, *body, *expected;
} forms[] = {
    {TYPE,                                                                           PART "1\r\n--b--\r\n",                                                                "a=1|"                                    },
    {TYPE,                                                                           PART "1\r\n--b--",                                                                    "a=1|"                                    },
    {TYPE,                                                                           PART "\r\n--b--\r\n",                                                                 "a=|"                                     },
    {TYPE,                                                                           "--b--\r\n",                                                                          ""                                        },
    {TYPE,                                                                           PART "1\r\n" PART "2\r\n--b--\r\n",                                                   "a=1|a=2|"                                },
    {TYPE,                                                                           "ignored\r\nas well\r\n" PART "1\r\n--b--\r\nand this\r\n--b",                        "a=1|"                                    },
    {TYPE,                                                                           PART "1\r\n--b--\r\n\r\n",                                                            "a=1|"                                    },
    {TYPE,                                                                           "--b  \t\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--b--",                "a=1|"                                    },
    {TYPE,                                                                           PART "line\nline\r\nline\r\n\r\n-\r\n--\r\n--\r\n--b--",
     "a=line\nline\r\nline\r\n\r\n-\r\n--\r\n--|"                                                                                                                                                                    },
    {"Multipart/Form-Data; charset=utf-8; Boundary=\"b\"",                           PART "1\r\n--b--\r\n",                                                                "a=1|"                                    },
    {"multipart/form-data;boundary=\"x y\"",
     "--x y\r\ncontent-disposition:form-data;name=a\r\n\r\n1\r\n--x y--",                                                                                                  "a=1|"                                    },
    {TYPE,
     "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a b.whl\"\r\n"
     "Content-Type: application/octet-stream\r\nX-Other: 1\r\n\r\n\r\n\r\n--b--",                                                                                          "f@a b.whl:application/octet-stream=\r\n|"},
    {TYPE,                                                                           "--b\r\nContent-Disposition: form-data; filename=f; name=f\r\n\r\n1\r\n--b--",
     "f@f:=1|"                                                                                                                                                                                                       },
    {TYPE,                                                                           "--b\r\nContent-Disposition: form-data; name=\"q\\\"\\\\q\"\r\n\r\n1\r\n--b--",
     "q\"\\q=1|"                                                                                                                                                                                                     },
    {TYPE,
     "--b\r\nContent-Disposition: form-data; name=f; filename*=utf-8''caf%C3%A9%2Ewhl\r\n\r\n1"
     "\r\n--b--",                                                                                                                                                          "f@caf\xc3\xa9.whl:=1|"                   },
    {TYPE,
     "--b\r\nContent-Disposition: form-data; name=f\r\nContent-Transfer-Encoding: 8bit\r\n\r\n1"
     "\r\n--b--",                                                                                                                                                          "f=1|"                                    },
 /* What is refused. */
    {NULL,                                                                           PART "1\r\n--b--",                                                                    "!not-a-form"                             },
    {"application/json",                                                             PART "1\r\n--b--",                                                                    "!not-a-form"                             },
    {"multipart/form-data-x; boundary=b",                                            PART "1\r\n--b--",                                                                    "!not-a-form"                             },
    {"multipart/mixed; boundary=b",                                                  PART "1\r\n--b--",                                                                    "!not-a-form"                             },
    {"multipart/form-data",                                                          PART "1\r\n--b--",                                                                    "!invalid-form"                           },
    {"multipart/form-data; boundary=",                                               PART "1\r\n--b--",                                                                    "!invalid-form"                           },
    {"multipart/form-data; boundary=\"\"",                                           PART "1\r\n--b--",                                                                    "!invalid-form"                           },
    {"multipart/form-data; boundary=\"b",                                            PART "1\r\n--b--",                                                                    "!invalid-form"                           },
    {"multipart/form-data; boundary=b; boundary=c",                                  PART "1\r\n--b--",                                                                    "!invalid-form"                           },
    {"multipart/form-data; boundary=\"b \"",                                         PART "1\r\n--b --",                                                                   "!invalid-form"                           },
    {"multipart/form-data; boundary="
     "12345678901234567890123456789012345678901234567890123456789012345678901", "",                                                                                   "!invalid-form"                           },
    {TYPE,                                                                           "",                                                                                   "!incomplete-form"                        },
    {TYPE,                                                                           "--b",                                                                                "!incomplete-form"                        },
    {TYPE,                                                                           "--b-",                                                                               "!incomplete-form"                        },
    {TYPE,                                                                           PART "1",                                                                             "a!incomplete-form"                       },
    {TYPE,                                                                           PART "1\r\n--b",                                                                      "a=1|!incomplete-form"                    },
    {TYPE,                                                                           PART "1\n--b--\n",                                                                    "a!incomplete-form"                       },
    {TYPE,                                                                           PART "1\r\n--bc\r\n--b--",                                                            "a=1|!invalid-form"                       },
    {TYPE,                                                                           "--b\nContent-Disposition: form-data; name=a\n\n1\n--b--",                            "!invalid-form"                           },
    {TYPE,                                                                           "--b\r\n\r\n1\r\n--b--",                                                              "!invalid-form"                           },
    {TYPE,                                                                           "--b\r\nContent-Type: text/plain\r\n\r\n1\r\n--b--",                                  "!invalid-form"                           },
    {TYPE,                                                                           "--b\r\nContent-Disposition: attachment; name=a\r\n\r\n1\r\n--b--",                   "!invalid-form"                           },
    {TYPE,                                                                           "--b\r\nContent-Disposition: form-data\r\n\r\n1\r\n--b--",                            "!invalid-form"                           },
    {TYPE,                                                                           "--b\r\nContent-Disposition: form-data; name\r\n\r\n1\r\n--b--",                      "!invalid-form"                           },
    {TYPE,                                                                           "--b\r\nContent-Disposition: form-data; name=\"a\r\n\r\n1\r\n--b--",                  "!invalid-form"                           },
    {TYPE,                                                                           "--b\r\nContent-Disposition: form-data; name=\"a\\\r\n\r\n1\r\n--b--",                "!invalid-form"                           },
    {TYPE,                                                                           "--b\r\nContent-Disposition: form-data; name=a; name=b\r\n\r\n1\r\n--b--",
     "!invalid-form"                                                                                                                                                                                                 },
    {TYPE,                                                                           "--b\r\nContent-Disposition: form-data; name=a; filename=b; filename=c\r\n\r\n1\r\n",
     "!invalid-form"                                                                                                                                                                                                 },
    {TYPE,                                                                           "--b\r\nContent-Disposition: form-data; name=a; filename*=latin1''b\r\n\r\n1\r\n",
     "!invalid-form"                                                                                                                                                                                                 },
    {TYPE,                                                                           "--b\r\nContent-Disposition: form-data; name=a; filename*=utf-8''%0\r\n\r\n1\r\n",
     "!invalid-form"                                                                                                                                                                                                 },
    {TYPE,                                                                           "--b\r\nContent-Disposition: form-data; name=a; filename*=utf-8''%00\r\n\r\n1\r\n",
     "!invalid-form"                                                                                                                                                                                                 },
    {TYPE,
     "--b\r\nContent-Disposition: form-data; name=a\r\n"
     "Content-Disposition: form-data; name=b\r\n\r\n1\r\n--b--",                                                                                                           "!invalid-form"                           },
    {TYPE,                                                                           "--b\r\nContent-Disposition: form-data;\r\n name=a\r\n\r\n1\r\n--b--",                "!invalid-form"                           },
    {TYPE,                                                                           "--b\r\nContent-Disposition : form-data; name=a\r\n\r\n1\r\n--b--",                   "!invalid-form"                           },
    {TYPE,
     "--b\r\nContent-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: base64\r\n\r\n1"
     "\r\n--b--",                                                                                                                                                          "!invalid-form"                           },
};

static void a_form_reads_alike_in_pieces_of_any_size(void **state)
{
    static const size_t pieces[] = {1, 2, 3, 7, 64, 1 << 20};

    (void)state;
    for (size_t row = 0; row < COUNT(forms); row++)
        for (size_t i = 0; i < COUNT(pieces); i++) {
            struct strbuf out;

            strbuf_init(&out, NULL, 10000);
            describe(forms[row].type, forms[row].body, strlen(forms[row].body), pieces[i], &out);
            if (strcmp(out.data, forms[row].expected))
                fail_msg("row %zu in pieces of %zu: %s, not %s", row, pieces[i], out.data,
                         forms[row].expected);
            strbuf_free(&out);
        }
}

static void a_form_that_is_cut_off_anywhere_fails(void **state)
{
    static const char body[] = PART "1\r\n--b\r\nContent-Disposition: form-data; name=f; "
                                    "filename=f\r\n\r\nbytes\r\n--b--";

    (void)state;
    for (size_t length = 0; length < sizeof body - 1; length++) {
        struct strbuf out;

        strbuf_init(&out, NULL, 10000);
        describe(TYPE, body, length, 5, &out);
        if (!strstr(out.data, "!incomplete-form"))
            fail_msg("cut at %zu: %s", length, out.data);
        strbuf_free(&out);
    }
}

static void a_nul_in_a_header_line_is_refused(void **state)
{
    static const char body[] = "--b\r\nContent-Disposition: form-data; name=a\0b\r\n\r\n1\r\n--b--";
    struct strbuf out;

    (void)state;
    strbuf_init(&out, NULL, 1000);
    describe(TYPE, body, sizeof body - 1, 100, &out);
    assert_string_equal(out.data, "!invalid-form");
    strbuf_free(&out);
}

/* A form of so many parts, with so long a text and so long a header line in each. */
static const struct {
    size_t parts, text, head;
    bool is_taken;
} sizes[] = {
    {10, 300,  10,   true },
    {11, 1,    10,   false},
    {3,  1000, 10,   true },
    {1,  1001, 10,   false},
    {4,  1000, 10,   false},
    {1,  1,    240,  true },
    {1,  1,    400,  false},
    {1,  1,    9999, false},
};

static void limits_hold(void **state)
{
    (void)state;
    for (size_t row = 0; row < COUNT(sizes); row++) {
        struct strbuf body, out;

        strbuf_init(&body, NULL, 100000);
        strbuf_init(&out, NULL, 100000);
        for (size_t part = 0; part < sizes[row].parts; part++)
            strbuf_format(&body,
                          "--b\r\nContent-Disposition: form-data; name=a\r\nX: %0*d\r\n\r\n"
                          "%0*d\r\n",
                          (int)sizes[row].head, 0, (int)sizes[row].text, 0);
        strbuf_text(&body, "--b--\r\n");
        describe(TYPE, body.data, body.length, 1000, &out);
        if (!strstr(out.data, "!form-too-large") != sizes[row].is_taken)
            fail_msg("row %zu: %s", row, out.data);
        strbuf_free(&body);
        strbuf_free(&out);
    }
}

/* Files full of what looks like a delimiter must come through as they are. */
static void a_files_bytes_come_through_as_they_are(void **state)
{
    enum { SIZE = 200000 };
    static const char near_misses[][8] = {"\r\n--", "\r\n--a", "\r", "\r\n", "\r\n-", "--b", "b"};
    struct arena *arena = arena_new();
    const struct multipart_part *part;
    struct multipart *form;
    struct slow_reader slow;
    struct strbuf body;
    struct error err;
    unsigned seed = 1;
    char *bytes = malloc(SIZE + 1);
    size_t got, start;

    (void)state;
    strbuf_init(&body, NULL, SIZE + 1000);
    strbuf_text(&body, "--b1\r\nContent-Disposition: form-data; name=f; filename=f\r\n\r\n");
    start = body.length;
    while (body.length - start < SIZE - 8) {
        seed = seed * 1103515245u + 12345u;
        strbuf_text(&body, near_misses[(seed >> 16) % COUNT(near_misses)]);
    }
    strbuf_text(&body, "\r\n--b1--\r\n");
    slow_reader_init(&slow, body.data, body.length, 1009);
    assert_int_equal(multipart_open(arena, &slow.reader, TYPE "1", &limits, &form, &err),
                     STATUS_OK);
    assert_int_equal(multipart_next(form, &part, &err), STATUS_OK);
    assert_int_equal(reader_read_all(part->body, bytes, SIZE, &got, &err), STATUS_OK);
    assert_int_equal(got, body.length - start - strlen("\r\n--b1--\r\n"));
    assert_memory_equal(bytes, body.data + start, got);
    assert_int_equal(multipart_next(form, &part, &err), STATUS_OK);
    assert_null(part);
    strbuf_free(&body);
    free(bytes);
    arena_free(arena);
}

static void an_unread_part_is_passed_over(void **state)
{
    static const char body[] = PART "1234\r\n" PART "5678\r\n--b--";
    struct arena *arena = arena_new();
    const struct multipart_part *part;
    struct multipart *form;
    struct slow_reader slow;
    struct error err;
    char two[2];
    size_t got;

    (void)state;
    slow_reader_init(&slow, body, sizeof body - 1, 9);
    assert_int_equal(multipart_open(arena, &slow.reader, TYPE, &limits, &form, &err), STATUS_OK);
    assert_int_equal(multipart_next(form, &part, &err), STATUS_OK);
    assert_int_equal(multipart_next(form, &part, &err), STATUS_OK);
    assert_int_equal(reader_read_all(part->body, two, 2, &got, &err), STATUS_OK);
    assert_memory_equal(two, "56", 2);
    assert_int_equal(multipart_next(form, &part, &err), STATUS_OK);
    assert_null(part);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_form_reads_alike_in_pieces_of_any_size),
        cmocka_unit_test(a_form_that_is_cut_off_anywhere_fails),
        cmocka_unit_test(a_nul_in_a_header_line_is_refused),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(a_files_bytes_come_through_as_they_are),
        cmocka_unit_test(an_unread_part_is_passed_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
