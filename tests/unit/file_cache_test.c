#include "storage/catalog/file_cache.h"
#include "storage/memory/arena.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct file_key hello = {1, FORMAT_NPM, "hello", "hello-1.0.0.tgz"};

static void put(struct file_cache *cache, struct file_key key, int64_t id, int64_t size)
{
    char *bytes = calloc(1, (size_t)size + 1);
    const struct stored_file file = {
        .id = id, .name = key.file, .version = "1.0.0", .meta = "{}", .size = size, .bytes = bytes};

    memset(bytes, 'x', (size_t)size);
    file_cache_put(cache, &key, file_cache_generation(cache, key.repository_id, key.name_norm),
                   &file);
    free(bytes);
}

/* The id of the file under this key; -1 without one. */
static int64_t got(struct file_cache *cache, struct file_key key)
{
    struct arena *arena = arena_new();
    struct stored_file file;
    int64_t id = -1;

    if (file_cache_get(cache, &key, arena, &file)) {
        id = file.id;
        assert_string_equal(file.name, key.file);
        assert_string_equal(file.version, "1.0.0");
        assert_string_equal(file.meta, "{}");
        for (int64_t i = 0; i < file.size; i++)
            assert_int_equal(((const char *)file.bytes)[i], 'x');
    }
    arena_free(arena);
    return id;
}

static void a_file_is_had_by_all_of_its_key(void **state)
{
    struct file_cache *cache = file_cache_new(1 << 20);

    (void)state;
    put(cache, hello, 7, 100);
    assert_int_equal(got(cache, hello), 7);
    assert_int_equal(got(cache, (struct file_key){2, FORMAT_NPM, "hello", "hello-1.0.0.tgz"}), -1);
    assert_int_equal(got(cache, (struct file_key){1, FORMAT_PYPI, "hello", "hello-1.0.0.tgz"}), -1);
    assert_int_equal(got(cache, (struct file_key){1, FORMAT_NPM, "hell", "ohello-1.0.0.tgz"}), -1);
    assert_int_equal(got(cache, (struct file_key){1, FORMAT_NPM, "hello", "hello-1.0.1.tgz"}), -1);
    file_cache_free(cache);
}

static void a_change_of_the_package_makes_it_worthless(void **state)
{
    struct file_cache *cache = file_cache_new(1 << 20);
    const struct stored_file old = {.id = 1, .name = "a", .version = "1.0.0"};
    uint64_t before = file_cache_generation(cache, 1, "hello");

    (void)state;
    put(cache, hello, 7, 100);
    file_cache_invalidate(cache, 1, "hello");
    assert_int_equal(got(cache, hello), -1);
    file_cache_put(cache, &hello, before, &old); /* read before the change */
    assert_int_equal(got(cache, hello), -1);
    put(cache, hello, 8, 0);
    assert_int_equal(got(cache, hello), 8);
    put(cache, hello, 9, 10); /* two that missed at once */
    assert_int_equal(got(cache, hello), 9);
    file_cache_free(cache);
}

static void it_stays_within_its_bytes(void **state)
{
    struct file_cache *cache = file_cache_new(1 << 20);
    struct file_cache_stats stats;
    int kept = 0;

    (void)state;
    put(cache, hello, 0, 1000);
    for (int i = 1; i <= 4000; i++) {
        char name[20];

        snprintf(name, sizeof name, "file%d", i);
        put(cache, (struct file_key){1, FORMAT_NPM, "hello", name}, i, 1000);
        assert_int_equal(got(cache, hello), 0); /* asked for all the time, so it stays */
    }
    for (int i = 1; i <= 4000; i++) {
        char name[20];

        snprintf(name, sizeof name, "file%d", i);
        kept += got(cache, (struct file_key){1, FORMAT_NPM, "hello", name}) == i;
    }
    file_cache_stats(cache, &stats);
    assert_true(stats.bytes <= 1 << 20);
    assert_in_range(kept, 500, 1000);
    file_cache_free(cache);
}

static void a_key_that_is_too_long_is_not_kept(void **state)
{
    struct file_cache *cache = file_cache_new(1 << 20);
    char *name = calloc(1, 5001);

    (void)state;
    memset(name, 'n', 5000);
    put(cache, (struct file_key){1, FORMAT_ARTIFACT, "a", name}, 1, 1);
    assert_int_equal(got(cache, (struct file_key){1, FORMAT_ARTIFACT, "a", name}), -1);
    free(name);
    file_cache_free(cache);
}

/* Readers that go by the catalog's rule, against a writer: none may see less than was published
 * before it asked. */
enum { READERS = 6, ROUNDS = 20000 };

struct shop {
    struct file_cache *cache;
    atomic_int committed, acknowledged, stale, running;
};

static void *read_shop(void *context)
{
    struct shop *shop = context;
    struct arena *arena = arena_new();

    while (atomic_load(&shop->running)) {
        int floor = atomic_load(&shop->acknowledged);
        uint64_t generation = file_cache_generation(shop->cache, 1, "hello");
        struct stored_file file;

        if (!file_cache_get(shop->cache, &hello, arena, &file)) {
            file = (struct stored_file){
                .id = atomic_load(&shop->committed), .name = "n", .version = "v", .size = 3};
            file.bytes = "abc";
            file_cache_put(shop->cache, &hello, generation, &file);
        }
        if (file.id < floor || memcmp(file.bytes, "abc", 3) != 0)
            atomic_fetch_add(&shop->stale, 1);
        arena_reset(arena);
    }
    arena_free(arena);
    return NULL;
}

static void a_read_sees_what_was_published_before_it(void **state)
{
    struct shop shop = {.cache = file_cache_new(1 << 20)};
    pthread_t threads[READERS];

    (void)state;
    atomic_store(&shop.running, 1);
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_shop, &shop), 0);
    for (int round = 1; round <= ROUNDS; round++) {
        atomic_store(&shop.committed, round);
        file_cache_invalidate(shop.cache, 1, "hello");
        atomic_store(&shop.acknowledged, round);
    }
    atomic_store(&shop.running, 0);
    for (int i = 0; i < READERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(shop.stale, 0);
    file_cache_free(shop.cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_had_by_all_of_its_key),
        cmocka_unit_test(a_change_of_the_package_makes_it_worthless),
        cmocka_unit_test(it_stays_within_its_bytes),
        cmocka_unit_test(a_key_that_is_too_long_is_not_kept),
        cmocka_unit_test(a_read_sees_what_was_published_before_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
