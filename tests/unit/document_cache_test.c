#include "config/clock.h"
#include "protocols/http/document_cache.h"
#include "storage/memory/gzip.h"
#include "storage/memory/strbuf.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define HOUR_US (INT64_C(3600) * 1000000)

static const struct document_key hello = {1, DOCUMENT_NPM_FULL, "hello", 0};

/* Renders a number that says how often it was asked, behind so many bytes. */
struct source {
    atomic_int renders;
    size_t padding;
    enum status status;
};

static enum status render(void *context, struct strbuf *out, int64_t *modified_us,
                          struct error *err)
{
    struct source *source = context;
    int count = atomic_fetch_add(&source->renders, 1) + 1;

    if (source->status)
        return (fail)(err, source->status, "mine", "no such package");
    for (size_t i = 0; i < source->padding; i++)
        strbuf_char(out, (char)('a' + i * i % 23));
    strbuf_format(out, "%d", count);
    *modified_us = 7000000 * (int64_t)count;
    return STATUS_OK;
}

/* Gets a document and gives it back; its plain text was rendered as this number. */
static void expect(struct document_cache *cache, struct document_key key, struct source *source,
                   const char *plain)
{
    const struct document *document = NULL;
    struct error err = {0};

    assert_int_equal(document_cache_get(cache, &key, render, source, &document, &err), STATUS_OK);
    assert_string_equal(document->plain, plain);
    document_release(document);
}

static void a_document_is_rendered_once_until_it_is_forgotten(void **state)
{
    struct document_cache *cache = document_cache_new(1 << 20);
    struct source source = {0};
    struct document_cache_stats stats;

    (void)state;
    expect(cache, hello, &source, "1");
    expect(cache, hello, &source, "1");
    document_cache_invalidate(cache, 1, "other");
    document_cache_invalidate(cache, 2, "hello");
    expect(cache, hello, &source, "1");
    document_cache_invalidate(cache, 1, "hello");
    expect(cache, hello, &source, "2");
    document_cache_stats(cache, &stats);
    assert_int_equal(stats.hits, 2);
    assert_int_equal(stats.misses, 2);
    assert_int_equal(stats.renders, 2);
    assert_int_equal(stats.documents, 1);
    document_cache_invalidate(cache, 1, "hello");
    document_cache_stats(cache, &stats);
    assert_int_equal(stats.bytes, 0);
    assert_int_equal(stats.documents, 0);
    document_cache_free(cache);
}

static void a_publish_forgets_every_kind_and_the_whole_repositorys(void **state)
{
    struct document_cache *cache = document_cache_new(1 << 20);
    struct source source = {0};

    (void)state;
    expect(cache, hello, &source, "1");
    expect(cache, (struct document_key){1, DOCUMENT_NPM_ABBREVIATED, "hello", 0}, &source, "2");
    expect(cache, (struct document_key){1, DOCUMENT_PYPI_ROOT_HTML, "", 0}, &source, "3");
    expect(cache, (struct document_key){2, DOCUMENT_PYPI_ROOT_HTML, "", 0}, &source, "4");
    expect(cache, (struct document_key){1, DOCUMENT_NPM_FULL, "hello2", 0}, &source, "5");
    document_cache_invalidate(cache, 1, "hello");
    expect(cache, hello, &source, "6");
    expect(cache, (struct document_key){1, DOCUMENT_NPM_ABBREVIATED, "hello", 0}, &source, "7");
    expect(cache, (struct document_key){1, DOCUMENT_PYPI_ROOT_HTML, "", 0}, &source, "8");
    expect(cache, (struct document_key){2, DOCUMENT_PYPI_ROOT_HTML, "", 0}, &source, "4");
    expect(cache, (struct document_key){1, DOCUMENT_NPM_FULL, "hello2", 0}, &source, "5");
    document_cache_free(cache);
}

static void another_generation_is_rendered_anew(void **state)
{
    struct document_cache *cache = document_cache_new(1 << 20);
    struct source source = {.status = STATUS_OK};
    struct document_key later = hello;

    (void)state;
    later.generation = 1;
    expect(cache, hello, &source, "1");
    expect(cache, later, &source, "2");
    expect(cache, later, &source, "2");
    document_cache_free(cache);
}

static void only_the_document_that_is_meant_is_dropped(void **state)
{
    struct document_cache *cache = document_cache_new(1 << 20);
    struct source source = {.status = STATUS_OK};
    const struct document *first, *second;
    struct error err;

    (void)state;
    document_cache_get(cache, &hello, render, &source, &first, &err);
    document_cache_drop(cache, &hello, first);
    document_cache_get(cache, &hello, render, &source, &second, &err);
    assert_string_equal(second->plain, "2");
    document_cache_drop(cache, &hello, first);
    expect(cache, hello, &source, "2");
    document_set_fresh(second, 42);
    assert_int_equal(second->fresh_until_us, 42);
    document_release(first);
    document_release(second);
    document_cache_free(cache);
}

static void a_text_too_large_to_be_held_is_compressed_as_it_is_made(void **state)
{
    struct document_cache *cache = document_cache_new(1 << 30);
    struct source source = {.padding = 40 << 20};
    const struct document *document, *small;
    char *text = malloc(source.padding + 2), *back = malloc(source.padding + 2);
    struct error err;

    (void)state;
    for (size_t i = 0; i < source.padding; i++)
        text[i] = (char)('a' + i * i % 23);
    text[source.padding] = '1';
    assert_int_equal(document_cache_get(cache, &hello, render, &source, &document, &err), STATUS_OK);
    assert_null(document->plain);
    assert_int_equal(document->plain_length, source.padding + 1);
    assert_int_equal(gzip_expand(document->gzip, document->gzip_length, back, source.padding + 1, &err),
                     STATUS_OK);
    assert_memory_equal(text, back, source.padding + 1);
    small = document_new(text, source.padding + 1, 0);
    assert_string_equal(document->etag, small->etag);
    document_release(small);
    document_release(document);
    document_cache_free(cache);
    free(text);
    free(back);
}

static void a_failure_is_passed_on_and_not_kept(void **state)
{
    struct document_cache *cache = document_cache_new(1 << 20);
    struct source source = {.status = STATUS_NOT_FOUND};
    const struct document *document = NULL;
    struct error err = {0};

    (void)state;
    assert_int_equal(document_cache_get(cache, &hello, render, &source, &document, &err),
                     STATUS_NOT_FOUND);
    assert_string_equal(err.message, "no such package");
    assert_null(document);
    source.status = STATUS_OK;
    expect(cache, hello, &source, "2");
    document_cache_free(cache);
}

/* What is kept beside what, by the length of the text. */
static const struct {
    size_t length;
    bool has_plain, has_gzip;
} sizes[] = {
    {0,             true,  false},
    {511,           true,  false},
    {512,           true,  true },
    {1 << 20,       true,  true },
    {(1 << 20) + 1, false, true },
    {3 << 20,       false, true },
};

static void large_documents_are_kept_as_gzip_alone(void **state)
{
    (void)state;
    for (size_t row = 0; row < sizeof sizes / sizeof *sizes; row++) {
        size_t length = sizes[row].length;
        char *text = calloc(1, length + 1), *back = malloc(length + 1);
        const struct document *document;
        struct error err = {0};

        memset(text, 'x', length);
        document = document_new(text, length, 5);
        assert_int_equal(document->plain != NULL, sizes[row].has_plain);
        assert_int_equal(document->gzip != NULL, sizes[row].has_gzip);
        assert_int_equal(document->plain_length, length);
        assert_int_equal(document->modified_us, 5);
        if (document->plain)
            assert_string_equal(document->plain, text);
        if (document->gzip) {
            assert_int_equal(gzip_expand(document->gzip, document->gzip_length, back, length, &err),
                             STATUS_OK);
            assert_memory_equal(back, text, length);
        }
        document_release(document);
        free(text);
        free(back);
    }
}

static void an_etag_is_that_of_the_plain_text(void **state)
{
    const struct document *hello_document = document_new("hello", 5, 1);

    (void)state;
    /* the first half of SHA-256 of "hello" */
    assert_string_equal(hello_document->etag, "\"2cf24dba5fb0a30e26e83b2ac5b9e29e\"");
    document_release(hello_document);
    document_release(NULL);
}

static void the_cache_stays_within_its_bytes_and_keeps_what_is_asked_for(void **state)
{
    struct document_cache *cache = document_cache_new(400000);
    struct source source = {.padding = 10000}, popular = {.padding = 10000};
    const struct document *document;
    struct document_cache_stats stats;
    struct error err = {0};

    (void)state;
    for (int i = 0; i < 1000; i++) {
        char name[16];

        snprintf(name, sizeof name, "p%d", i);
        assert_int_equal(document_cache_get(cache, &hello, render, &popular, &document, &err),
                         STATUS_OK);
        document_release(document);
        assert_int_equal(document_cache_get(cache, &(struct document_key){1, 1, name, 0}, render,
                                            &source, &document, &err),
                         STATUS_OK);
        document_release(document);
        document_cache_stats(cache, &stats);
        assert_true(stats.bytes <= 400000);
    }
    assert_int_equal(source.renders, 1000);
    assert_true(popular.renders < 50);
    assert_true(stats.evictions > 900);
    assert_true(stats.documents > 10);
    document_cache_free(cache);
}

static void a_document_too_large_to_stay_is_still_handed_out(void **state)
{
    struct document_cache *cache = document_cache_new(4000);
    struct source source = {.padding = 2000};
    const struct document *first, *second;
    struct document_cache_stats stats;
    struct error err = {0};

    (void)state;
    assert_int_equal(document_cache_get(cache, &hello, render, &source, &first, &err), STATUS_OK);
    assert_int_equal(document_cache_get(cache, &hello, render, &source, &second, &err), STATUS_OK);
    assert_int_equal(first->plain_length, 2001);
    assert_string_not_equal(first->etag, second->etag);
    document_cache_stats(cache, &stats);
    assert_int_equal(stats.documents, 0);
    document_cache_free(cache);
    document_release(first);
    document_release(second);
}

/* Many threads publish and read; each read must see at least what was published before it began. */
enum { READERS = 6, WRITERS = 2, PACKAGES = 3, ROUNDS = 3000 };

struct shop {
    struct document_cache *cache;
    atomic_int committed[PACKAGES];    /* what a render reads */
    atomic_int acknowledged[PACKAGES]; /* what a reader may count on */
    atomic_int stale, failed, running;
};

struct shelf {
    struct shop *shop;
    int package;
};

static enum status render_shelf(void *context, struct strbuf *out, int64_t *modified_us,
                                struct error *err)
{
    struct shelf *shelf = context;
    int committed = atomic_load(&shelf->shop->committed[shelf->package]);

    (void)modified_us;
    if (committed % 7 == 3)
        return (fail)(err, STATUS_NOT_FOUND, "", "%d", committed);
    sched_yield();
    strbuf_format(out, "%d", committed);
    return STATUS_OK;
}

static void *read_shop(void *context)
{
    struct shop *shop = context;
    unsigned turn = 0;

    while (atomic_load(&shop->running) > 0) {
        struct shelf shelf = {shop, (int)(turn++ % PACKAGES)};
        char name[2] = {(char)('a' + shelf.package), '\0'};
        struct document_key key = {1, 1 + (int)(turn % 2), name, 0};
        int floor = atomic_load(&shop->acknowledged[shelf.package]);
        const struct document *document = NULL;
        struct error err = {0};
        enum status rc =
            document_cache_get(shop->cache, &key, render_shelf, &shelf, &document, &err);

        if (rc && rc != STATUS_NOT_FOUND)
            atomic_fetch_add(&shop->failed, 1);
        if (atoi(rc ? err.message : document->plain) < floor)
            atomic_fetch_add(&shop->stale, 1);
        document_release(document);
    }
    return NULL;
}

static void *write_shop(void *context)
{
    struct shop *shop = context;

    for (int round = 0; round < ROUNDS; round++) {
        int package = round % PACKAGES, now;
        char name[2] = {(char)('a' + package), '\0'};

        now = atomic_fetch_add(&shop->committed[package], 1) + 1;
        document_cache_invalidate(shop->cache, 1, name);
        for (int seen = atomic_load(&shop->acknowledged[package]); seen < now;)
            if (atomic_compare_exchange_weak(&shop->acknowledged[package], &seen, now))
                break;
    }
    atomic_fetch_sub(&shop->running, 1);
    return NULL;
}

static void a_read_sees_what_was_published_before_it(void **state)
{
    struct shop shop = {.cache = document_cache_new(1 << 20)};
    pthread_t threads[READERS + WRITERS];

    (void)state;
    atomic_store(&shop.running, WRITERS);
    for (int i = 0; i < READERS + WRITERS; i++)
        assert_int_equal(
            pthread_create(&threads[i], NULL, i < READERS ? read_shop : write_shop, &shop), 0);
    for (int i = 0; i < READERS + WRITERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(shop.stale, 0);
    assert_int_equal(shop.failed, 0);
    document_cache_free(shop.cache);
}

/* A render that waits until all askers have come. */
enum { ASKERS = 8 };

struct slow {
    struct document_cache *cache;
    atomic_int renders, got;
    atomic_bool go;
};

static enum status render_slowly(void *context, struct strbuf *out, int64_t *modified_us,
                                 struct error *err)
{
    struct slow *slow = context;
    int count = atomic_fetch_add(&slow->renders, 1) + 1;

    (void)modified_us;
    (void)err;
    while (!atomic_load(&slow->go))
        usleep(1000);
    strbuf_format(out, "%d", count);
    return STATUS_OK;
}

static void *ask(void *context)
{
    struct slow *slow = context;
    const struct document *document = NULL;
    struct error err = {0};

    if (!document_cache_get(slow->cache, &hello, render_slowly, slow, &document, &err))
        atomic_fetch_add(&slow->got, atoi(document->plain));
    document_release(document);
    return NULL;
}

static void wait_for(const struct slow *slow, int renders)
{
    while (atomic_load(&slow->renders) < renders)
        usleep(1000);
}

static void askers_of_one_key_share_one_render(void **state)
{
    struct slow slow = {.cache = document_cache_new(1 << 20)};
    struct document_cache_stats stats = {0};
    pthread_t threads[ASKERS];

    (void)state;
    for (int i = 0; i < ASKERS; i++)
        pthread_create(&threads[i], NULL, ask, &slow);
    while (stats.misses < ASKERS) {
        usleep(1000);
        document_cache_stats(slow.cache, &stats);
    }
    atomic_store(&slow.go, true);
    for (int i = 0; i < ASKERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(slow.renders, 1);
    assert_int_equal(slow.got, ASKERS);
    document_cache_free(slow.cache);
}

static void an_asker_after_a_publish_does_not_join_an_older_render(void **state)
{
    struct slow slow = {.cache = document_cache_new(1 << 20)};
    pthread_t before, after;
    struct source source = {.renders = 40};

    (void)state;
    pthread_create(&before, NULL, ask, &slow);
    wait_for(&slow, 1);
    document_cache_invalidate(slow.cache, 1, "hello");
    pthread_create(&after, NULL, ask, &slow);
    wait_for(&slow, 2);
    atomic_store(&slow.go, true);
    pthread_join(before, NULL);
    pthread_join(after, NULL);
    assert_int_equal(slow.got, 1 + 2);
    /* The older one has not taken the newer one's place, whichever ended last. */
    expect(slow.cache, hello, &source, "2");
    document_cache_free(slow.cache);
}

static void what_is_found_to_hold_is_of_the_new_generation(void **state)
{
    struct document_cache *cache = document_cache_new(1 << 20);
    struct document_key key = hello, later = hello;
    const struct document *old;
    struct source source = {0};

    (void)state;
    later.generation = 1;
    assert_null(document_cache_old(cache, &later));
    expect(cache, key, &source, "1");
    assert_null(document_cache_old(cache, &key));
    old = document_cache_old(cache, &later);
    assert_non_null(old);
    assert_true(document_cache_renew(cache, &later, old));
    expect(cache, later, &source, "1");
    key.generation = 0; /* whoever asked before it was renewed does not take it back */
    assert_true(document_cache_renew(cache, &key, old));
    expect(cache, later, &source, "1");
    document_cache_invalidate(cache, 1, "hello");
    assert_false(document_cache_renew(cache, &later, old));
    expect(cache, later, &source, "2");
    document_release(old);
    document_cache_free(cache);
}

static enum status render_word(void *context, struct strbuf *out, int64_t *modified_us,
                               struct error *err)
{
    (void)context;
    (void)modified_us;
    (void)err;
    strbuf_text(out, "word");
    return STATUS_OK;
}

/* What a clock that was years ahead has opened is not open for years. */
static void what_was_made_in_the_future_has_ended(void **state)
{
    static const struct {
        int64_t made_us, end_us, asked_us;
        bool has_ended;
    } rows[] = {
        {0,        0,       0,        false},
        {0,        HOUR_US, 0,        false},
        {0,        HOUR_US, HOUR_US,  true },
        {0,        0,       -1000000, false},
        {0,        0,       -HOUR_US, true },
        {HOUR_US,  0,       0,        true },
        {HOUR_US,  0,       HOUR_US,  false},
        {-HOUR_US, 0,       0,        false},
    };

    (void)state;
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        struct document_cache *cache = document_cache_new(1 << 20);
        const struct document_key key = {.repository_id = 1, .kind = 1, .name = "x"};
        int64_t now_us = clock_wall_us();
        const struct document *document;

        clock_shift_us(rows[row].made_us);
        assert_int_equal(document_cache_get(cache, &key, render_word, NULL, &document, NULL), STATUS_OK);
        if (rows[row].end_us)
            document_set_end(document, now_us + rows[row].end_us);
        clock_shift_us(rows[row].asked_us);
        assert_int_equal(document_has_ended(document), rows[row].has_ended);
        clock_shift_us(0);
        document_release(document);
        document_cache_free(cache);
    }
}

static int freed;

static void free_number(const void *value)
{
    freed++;
    free((void *)(uintptr_t)value);
}

static enum status make_number(void *context, struct document_value *out, struct error *err)
{
    struct source *source = context;
    int *number = malloc(sizeof *number);

    *number = atomic_fetch_add(&source->renders, 1) + 1;
    *out = (struct document_value){number, 400 << 10, free_number};
    if (source->status) {
        free_number(number);
        return (fail)(err, source->status, "mine", "no such package");
    }
    return STATUS_OK;
}

static void a_value_is_kept_and_counted_like_a_document(void **state)
{
    struct document_cache *cache = document_cache_new(2 << 20);
    struct document_key key = {1, DOCUMENT_NPM_VERDICTS, "hello", 0};
    struct source source = {0};
    struct document_cache_stats stats;
    const struct document *first, *second;

    (void)state;
    freed = 0;
    assert_int_equal(document_cache_get_value(cache, &key, make_number, &source, &first, NULL), 0);
    assert_int_equal(document_cache_get_value(cache, &key, make_number, &source, &second, NULL), 0);
    assert_ptr_equal(first, second);
    assert_int_equal(*(const int *)first->value, 1);
    document_cache_stats(cache, &stats);
    assert_true(stats.bytes > 400 << 10);
    document_cache_invalidate(cache, 1, "hello");
    assert_int_equal(freed, 0); /* while it is held */
    document_release(first);
    document_release(second);
    assert_int_equal(freed, 1);
    source.status = STATUS_INVALID;
    assert_int_equal(document_cache_get_value(cache, &key, make_number, &source, &first, NULL),
                     STATUS_INVALID);
    document_cache_stats(cache, &stats);
    assert_int_equal(stats.bytes, 0);
    source.status = STATUS_OK;
    key.name = "other";
    assert_int_equal(document_cache_get_value(cache, &key, make_number, &source, &first, NULL), 0);
    document_release(first);
    document_cache_free(cache);
    assert_int_equal(freed, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_is_rendered_once_until_it_is_forgotten),
        cmocka_unit_test(a_publish_forgets_every_kind_and_the_whole_repositorys),
        cmocka_unit_test(another_generation_is_rendered_anew),
        cmocka_unit_test(only_the_document_that_is_meant_is_dropped),
        cmocka_unit_test(a_text_too_large_to_be_held_is_compressed_as_it_is_made),
        cmocka_unit_test(a_failure_is_passed_on_and_not_kept),
        cmocka_unit_test(large_documents_are_kept_as_gzip_alone),
        cmocka_unit_test(an_etag_is_that_of_the_plain_text),
        cmocka_unit_test(the_cache_stays_within_its_bytes_and_keeps_what_is_asked_for),
        cmocka_unit_test(a_document_too_large_to_stay_is_still_handed_out),
        cmocka_unit_test(a_read_sees_what_was_published_before_it),
        cmocka_unit_test(askers_of_one_key_share_one_render),
        cmocka_unit_test(what_is_found_to_hold_is_of_the_new_generation),
        cmocka_unit_test(what_was_made_in_the_future_has_ended),
        cmocka_unit_test(a_value_is_kept_and_counted_like_a_document),
        cmocka_unit_test(an_asker_after_a_publish_does_not_join_an_older_render),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
