/* Random sequences of publish, remove, restore, tag and sweep against a model of what must hold. Each
 * sequence has a package of its own; PACKHOUSE_TEST_SEQUENCES says how many, 200 by default. */
#include "storage/catalog/tag.h"
#include "tests/support/npm_shelf.h"

enum { VERSIONS = 7, CONTENTS = 5, STEPS = 30, TAGS = 2, NOWHERE = -1, NOT_MOVED = -2 };

static const struct {
    const char *version;
    bool is_prerelease;
} versions[VERSIONS] = { /* in their order */
    {"1.0.0", false}, {"1.1.0-a", true}, {"1.1.0", false}, {"2.0.0-a", true},
    {"2.0.0-b", true}, {"2.0.0", false}, {"3.0.0-a", true},
};
static const char *const tag_names[TAGS] = {"beta", "latest"};
enum { LATEST = 1 };

struct model {
    enum { ABSENT, LIVE, REMOVED, GONE } state[VERSIONS];
    int content[VERSIONS];
    bool is_stored[CONTENTS]; /* whether the bytes are on the disk */
    int tag[TAGS];            /* a version, or NOWHERE */
    int moved[VERSIONS][TAGS]; /* of a removed version: where its tag went */
};

static uint64_t seed;
static int running; /* the sequence; 0 where none is */

static int dice(int sides)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int)((seed >> 33) % (uint64_t)sides);
}

static bool is_used(const struct model *m, int content)
{
    for (int v = 0; v < VERSIONS; v++)
        if (m->state[v] == LIVE && m->content[v] == content)
            return true;
    return false;
}

static int best(const struct model *m, int highest, bool prerelease)
{
    for (int v = highest; v >= 0; v--)
        if (m->state[v] == LIVE && versions[v].is_prerelease == prerelease)
            return v;
    return NOWHERE;
}

/* npm 16.1. */
static int next_latest(const struct model *m, int from)
{
    int v = best(m, from, false);

    if (v == NOWHERE)
        v = best(m, VERSIONS - 1, false);
    return v == NOWHERE ? best(m, VERSIONS - 1, true) : v;
}

static void model_publish(struct model *m, int v, int content)
{
    m->state[v] = LIVE;
    m->content[v] = content;
    m->is_stored[content] = true;
    if (m->tag[LATEST] == NOWHERE)
        m->tag[LATEST] = v;
}

static void model_remove(struct model *m, int v, bool now)
{
    bool was_live = m->state[v] == LIVE;

    m->state[v] = now ? GONE : REMOVED;
    for (int t = 0; t < TAGS && was_live; t++) {
        m->moved[v][t] = NOT_MOVED;
        if (m->tag[t] != v)
            continue;
        m->tag[t] = m->moved[v][t] = t == LATEST ? next_latest(m, v) : NOWHERE;
    }
    if (now && !is_used(m, m->content[v]))
        m->is_stored[m->content[v]] = false;
}

static int where_it_went(const struct model *m, int v, int t)
{
    int at = m->moved[v][t];

    while (at >= 0 && m->state[at] != LIVE && m->moved[at][t] != NOT_MOVED)
        at = m->moved[at][t];
    return at;
}

static void model_restore(struct model *m, int v)
{
    m->state[v] = LIVE;
    for (int t = 0; t < TAGS; t++)
        if (m->moved[v][t] != NOT_MOVED && where_it_went(m, v, t) == m->tag[t])
            m->tag[t] = v;
    if (m->tag[LATEST] != NOWHERE)
        return;
    m->tag[LATEST] = next_latest(m, VERSIONS - 1);
    for (int other = 0; other < VERSIONS; other++)
        if (m->state[other] >= REMOVED && m->moved[other][LATEST] == NOWHERE)
            m->moved[other][LATEST] = m->tag[LATEST];
}

static void model_sweep(struct model *m)
{
    for (int content = 0; content < CONTENTS; content++)
        m->is_stored[content] = is_used(m, content);
}

static const char *content_text(struct fixture *f, int content)
{
    return arena_format(f->arena, "%s content %d", shelf_package, content);
}

static void check_files(struct fixture *f, const struct model *m)
{
    for (int v = 0; v < VERSIONS; v++) {
        struct stored_file file;
        bool found = file_of(f, versions[v].version, &file) != NULL;
        const char *text = content_text(f, m->content[v]);
        char bytes[128] = "";
        struct error err;
        int fd;

        assert_int_equal(found, m->state[v] == LIVE);
        if (!found)
            continue;
        fixture_must(catalog_open_file(f->catalog, &file, &fd, &err), &err);
        assert_int_equal(read(fd, bytes, sizeof bytes - 1), strlen(text));
        close(fd);
        assert_string_equal(bytes, text);
    }
}

static void check_tags(struct fixture *f, const struct model *m)
{
    struct strbuf expected;

    strbuf_init(&expected, f->arena, 1024);
    for (int t = 0; t < TAGS; t++)
        if (m->tag[t] != NOWHERE)
            strbuf_format(&expected, "%s%s=%s", expected.length ? " " : "", tag_names[t],
                          versions[m->tag[t]].version);
    assert_string_equal(tags(f), expected.length ? expected.data : "");
}

static void step(struct fixture *f, struct model *m)
{
    int v = dice(VERSIONS), content = dice(CONTENTS), kind = dice(12);
    const char *version = versions[v].version;
    struct error err = {0};
    enum status rc;

    if (kind < 4) {
        rc = publish_npm(f, &f->repository, version, content_text(f, content), NULL, &err);
        assert_int_equal(rc, m->state[v] == ABSENT ? STATUS_OK : STATUS_CONFLICT);
        if (!rc)
            model_publish(m, v, content);
    } else if (kind < 7) {
        rc = remove_npm(f, version, false, &err);
        assert_int_equal(rc, m->state[v] == LIVE ? STATUS_OK : STATUS_NOT_FOUND);
        if (!rc)
            model_remove(m, v, false);
    } else if (kind < 8) {
        rc = remove_npm(f, version, true, &err);
        assert_int_equal(rc, m->state[v] == ABSENT ? STATUS_NOT_FOUND : STATUS_OK);
        if (!rc)
            model_remove(m, v, true);
    } else if (kind < 10) {
        rc = restore_npm(f, version, &err);
        assert_int_equal(rc, m->state[v] < REMOVED                                       ? STATUS_NOT_FOUND
                             : m->state[v] == GONE || !m->is_stored[m->content[v]] ? STATUS_GONE
                                                                                   : STATUS_OK);
        if (!rc)
            model_restore(m, v);
    } else if (kind < 11) {
        sweep(f, 0, dice(2) ? 0 : DAY_US);
        /* Whether the day has passed for what was condemned before, the disk tells. */
        sweep(f, 0, 0);
        model_sweep(m);
    } else {
        int t = dice(TAGS);

        rc = catalog_set_tag(f->catalog, &f->actor, &f->repository, FORMAT_NPM, shelf_package,
                             tag_names[t], version, &err);
        assert_int_equal(rc, m->state[v] == LIVE ? STATUS_OK : STATUS_NOT_FOUND);
        if (!rc)
            m->tag[t] = v;
    }
}

static int stored(const struct model *m)
{
    int count = 0;

    for (int content = 0; content < CONTENTS; content++)
        count += m->is_stored[content];
    return count;
}

/* Returns how many contents are left on the disk. */
static int run_sequence(struct fixture *f, int number)
{
    struct model m = {.tag = {NOWHERE, NOWHERE}};

    seed = (uint64_t)number;
    shelf_package = arena_format(f->arena, "p%d", number);
    model_publish(&m, 0, 0);
    assert_int_equal(publish_npm(f, &f->repository, "1.0.0", content_text(f, 0), NULL, NULL), STATUS_OK);
    for (int i = 0; i < STEPS; i++) {
        step(f, &m);
        check_tags(f, &m);
    }
    check_files(f, &m);
    sweep(f, 0, 0);
    model_sweep(&m);
    check_files(f, &m);
    return stored(&m);
}

static void every_sequence_ends_as_the_model_says(void **state)
{
    const char *wanted = getenv("PACKHOUSE_TEST_SEQUENCES");
    int count = wanted ? atoi(wanted) : 200, left = 0;
    struct fixture f;

    (void)state;
    shelf_setup(&f, "p");
    for (int number = 1; number <= count; number++) {
        running = number;
        left += run_sequence(&f, number);
        if (number % 50 && number != count)
            continue;
        if (number % (50 + count / 20) < 50 || number == count) {
            assert_int_equal(blob_files(&f), left);
            verify_clean(&f);
        }
        arena_free(f.arena);
        f.arena = arena_new();
        fixture_must(catalog_find_repository(f.catalog, "acme", "main", f.arena, &f.repository, NULL), NULL);
    }
    running = 0;
    print_message("%d sequences of %d steps: as the model says\n", count, STEPS);
    fixture_teardown(&f);
}

static int say_which(void **state)
{
    (void)state;
    if (running)
        print_error("it was sequence %d\n", running);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(every_sequence_ends_as_the_model_says, say_which),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
