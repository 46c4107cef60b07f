/* Two releases compared: what is new in one is gone in the other, and nothing is new in itself. */
#include "protocols/review/release_diff.h"
#include "storage/memory/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { ROUNDS = 2000, NAMES = 6 };

static struct arena *arena;
static uint64_t state_of_chance = 88172645463325252u;

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

/* xorshift: the same rounds each time. */
static unsigned chance(unsigned below)
{
    state_of_chance ^= state_of_chance << 13;
    state_of_chance ^= state_of_chance >> 7;
    state_of_chance ^= state_of_chance << 17;
    return (unsigned)(state_of_chance % below);
}

/* Few names and few values, so that releases meet in many of them; some names come twice. */
static void make_release(struct release *release)
{
    static const char *const names[NAMES] = {"a", "b", "lib/c", "lib/d", "z", "zz"};
    static const char *const kinds[] = {"dependencies", "script"};

    release_init(release, arena);
    for (unsigned i = chance(2 * NAMES); i; i--) {
        struct release_file *file = release_add_file(release, names[chance(NAMES)]);

        file->size = chance(3);
        file->sha256[0] = (uint8_t)chance(2);
        file->is_executable = !chance(3);
        file->runs = !chance(4);
    }
    for (unsigned list = 0; list < RELEASE_LISTS; list++)
        for (unsigned i = chance(NAMES); i; i--) {
            const char *name = names[chance(NAMES)], *value = names[chance(3)];

            if (list == RELEASE_SCRIPTS)
                release_add_script(release, kinds[chance(2)], name, value, chance(2));
            else
                release_add(release, (enum release_list)list, kinds[chance(2)], name, value);
        }
    release_settle(release);
}

static void counts_are_mirrored(const struct change_counts *one, const struct change_counts *other)
{
    assert_int_equal(one->added, other->removed);
    assert_int_equal(one->removed, other->added);
    assert_int_equal(one->changed, other->changed);
    assert_int_equal(one->same, other->same);
}

static enum change mirrored(enum change change)
{
    return change == CHANGE_ADDED ? CHANGE_REMOVED : change == CHANGE_REMOVED ? CHANGE_ADDED : change;
}

static void what_is_new_from_here_is_gone_from_there(void **state)
{
    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct release one, other;
        struct release_diff there, back;

        arena_reset(arena);
        make_release(&one);
        make_release(&other);
        release_compare(&one, &other, arena, &there);
        release_compare(&other, &one, arena, &back);
        assert_int_equal(there.file_count, back.file_count);
        counts_are_mirrored(&there.file_counts, &back.file_counts);
        for (size_t i = 0; i < there.file_count; i++) {
            assert_int_equal(there.files[i].change, mirrored(back.files[i].change));
            assert_ptr_equal(there.files[i].before, back.files[i].after);
            assert_ptr_equal(there.files[i].after, back.files[i].before);
        }
        for (size_t list = 0; list < RELEASE_LISTS; list++) {
            assert_int_equal(there.lists[list].count, back.lists[list].count);
            counts_are_mirrored(&there.lists[list].counts, &back.lists[list].counts);
            for (size_t i = 0; i < there.lists[list].count; i++) {
                assert_int_equal(there.lists[list].items[i].change, mirrored(back.lists[list].items[i].change));
                assert_ptr_equal(there.lists[list].items[i].before, back.lists[list].items[i].after);
            }
        }
    }
}

static void nothing_is_new_in_itself(void **state)
{
    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct release one;
        struct release_diff diff;

        arena_reset(arena);
        make_release(&one);
        release_compare(&one, &one, arena, &diff);
        assert_int_equal(diff.file_count, 0);
        assert_int_equal(diff.file_counts.same, one.file_count);
        for (size_t list = 0; list < RELEASE_LISTS; list++) {
            assert_int_equal(diff.lists[list].count, 0);
            assert_int_equal(diff.lists[list].counts.same, one.lists[list].count);
        }
    }
}

/* Each file of either side is told of once, under one change. */
static void every_file_is_counted_once(void **state)
{
    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct release one, other;
        struct release_diff diff;
        const struct change_counts *counts = &diff.file_counts;

        arena_reset(arena);
        make_release(&one);
        make_release(&other);
        release_compare(&one, &other, arena, &diff);
        assert_int_equal(counts->added + counts->changed + counts->same, other.file_count);
        assert_int_equal(counts->removed + counts->changed + counts->same, one.file_count);
        assert_int_equal(counts->added + counts->changed + counts->removed, diff.file_count);
    }
}

static void without_an_earlier_one_all_is_new(void **state)
{
    struct release one;
    struct release_diff diff;

    (void)state;
    release_init(&one, arena);
    release_add_file(&one, "b");
    release_add_file(&one, "a");
    release_add(&one, RELEASE_DEPENDENCIES, "dependencies", "x", "^1");
    release_settle(&one);
    release_compare(NULL, &one, arena, &diff);
    assert_int_equal(diff.file_counts.added, 2);
    assert_string_equal(diff.files[0].after->path, "a");
    assert_null(diff.files[0].before);
    assert_int_equal(diff.lists[RELEASE_DEPENDENCIES].counts.added, 1);
}

static void what_runs_comes_first_and_then_what_is_a_program(void **state)
{
    static const char *const expected[] = {"z-runs", "m-program", "a-text"};
    struct release one;
    struct release_diff diff;

    (void)state;
    release_init(&one, arena);
    release_add_file(&one, "a-text");
    release_add_file(&one, "m-program")->is_executable = true;
    release_add_file(&one, "z-runs")->runs = true;
    release_add_script(&one, "script", "test", "mocha", false);
    release_add_script(&one, "script", "zinstall", "node x", true);
    release_settle(&one);
    release_compare(NULL, &one, arena, &diff);
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(diff.files[i].after->path, expected[i]);
    assert_string_equal(diff.lists[RELEASE_SCRIPTS].items[0].after->name, "zinstall");
}

static void of_a_path_that_comes_twice_the_last_counts(void **state)
{
    struct release one;

    (void)state;
    release_init(&one, arena);
    release_add_file(&one, "a")->size = 1;
    release_add_file(&one, "b");
    release_add_file(&one, "a")->size = 2;
    release_settle(&one);
    assert_int_equal(one.file_count, 2);
    assert_int_equal(one.doubled, 1);
    assert_int_equal(release_find_file(&one, "a")->size, 2);
    assert_null(release_find_file(&one, "c"));
}

/* A second line under a name that is there already would otherwise go unseen. */
static void what_is_said_twice_of_one_name_is_shown_as_both(void **state)
{
    const struct release_items *items;
    struct release one;

    (void)state;
    release_init(&one, arena);
    release_add(&one, RELEASE_DEPENDENCIES, "Requires-Dist", "x", ">=1");
    release_add(&one, RELEASE_DEPENDENCIES, "Requires-Dist", "x", "@ https://evil.example/x.zip");
    release_add(&one, RELEASE_DEPENDENCIES, "Requires-Dist", "x", ">=1");
    release_settle(&one);
    items = &one.lists[RELEASE_DEPENDENCIES];
    assert_int_equal(items->count, 1);
    assert_string_equal(items->items[0].value, ">=1 and @ https://evil.example/x.zip");
}

/* A file that becomes a program, or a link, has changed, though no byte has. */
static void a_file_changes_with_what_it_is(void **state)
{
    struct release one, other;
    struct release_diff diff;

    (void)state;
    for (int what = 0; what < 3; what++) {
        release_init(&one, arena);
        release_init(&other, arena);
        release_add_file(&one, "a");
        *release_add_file(&other, "a") = (struct release_file){
            .path = "a", .is_link = what == 0, .is_executable = what == 1, .runs = what == 2};
        release_settle(&one);
        release_settle(&other);
        release_compare(&one, &other, arena, &diff);
        assert_int_equal(diff.file_counts.changed, 1);
    }
}

static void a_list_has_an_end(void **state)
{
    char name[16];
    struct release one;

    (void)state;
    release_init(&one, arena);
    for (int i = 0; i <= RELEASE_ITEMS_MAX; i++) {
        snprintf(name, sizeof name, "%d", i);
        assert_null(one.odd);
        release_add(&one, RELEASE_PEOPLE, "maintainer", name, "");
    }
    assert_int_equal(one.lists[RELEASE_PEOPLE].count, RELEASE_ITEMS_MAX);
    assert_non_null(strstr(one.odd, "people"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_new_from_here_is_gone_from_there),
        cmocka_unit_test(nothing_is_new_in_itself),
        cmocka_unit_test(every_file_is_counted_once),
        cmocka_unit_test(without_an_earlier_one_all_is_new),
        cmocka_unit_test(what_runs_comes_first_and_then_what_is_a_program),
        cmocka_unit_test(of_a_path_that_comes_twice_the_last_counts),
        cmocka_unit_test(what_is_said_twice_of_one_name_is_shown_as_both),
        cmocka_unit_test(a_file_changes_with_what_it_is),
        cmocka_unit_test(a_list_has_an_end),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
