#include "storage/memory/arena.h"
#include "storage/memory/packing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char ended[16];

static void end(void *value)
{
    ended[strlen(ended)] = *(char *)value;
}

static void what_was_to_end_with_the_arena_ends_once_and_the_last_first(void **state)
{
    struct arena *arena = arena_new();
    char names[] = "abc";

    (void)state;
    memset(ended, 0, sizeof ended);
    arena_at_end(arena, end, &names[0]);
    arena_at_end(arena, end, &names[1]);
    arena_reset(arena);
    assert_string_equal(ended, "ba");
    arena_reset(arena);
    arena_at_end(arena, end, &names[2]);
    arena_free(arena);
    assert_string_equal(ended, "bac");
}

static void texts_are_packed_as_they_were_counted(void **state)
{
    static const char *const texts[] = {"MIT", "MIT", NULL, "ISC", "", "ISC"};
    enum { TEXTS = sizeof texts / sizeof *texts };
    struct packing counting = {0}, filling = {0};
    const char *packed[TEXTS];
    char *block;

    (void)state;
    for (size_t i = 0; i < TEXTS; i++)
        pack_text(&counting, texts[i], i ? texts[i - 1] : NULL, i ? texts[i - 1] : NULL);
    assert_int_equal(counting.size, sizeof "MIT" + sizeof "ISC" + sizeof "" + sizeof "ISC");
    filling.at = block = malloc(counting.size);
    for (size_t i = 0; i < TEXTS; i++)
        packed[i] = pack_text(&filling, texts[i], i ? texts[i - 1] : NULL, i ? packed[i - 1] : NULL);
    assert_ptr_equal(filling.at, block + counting.size);
    assert_ptr_equal(packed[0], packed[1]);
    assert_null(packed[2]);
    assert_string_equal(packed[1], "MIT");
    assert_string_equal(packed[3], "ISC");
    assert_string_equal(packed[4], "");
    assert_string_equal(packed[5], "ISC");
    free(block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_to_end_with_the_arena_ends_once_and_the_last_first),
        cmocka_unit_test(texts_are_packed_as_they_were_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
