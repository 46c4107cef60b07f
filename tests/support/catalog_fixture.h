/* A catalog in a folder of its own, for tests: an owner, org acme, repository acme/main. */
#pragma once
#include "storage/catalog/account.h"
#include "storage/catalog/package.h"
#include "storage/catalog/publish.h"
#include "storage/memory/arena.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fixture {
    char data[64];
    struct arena *arena;
    struct catalog *catalog;
    struct principal owner;
    struct actor actor;
    struct repository repository;
};

static inline void fixture_must(enum status rc, const struct error *err)
{
    if (!rc)
        return;
    fprintf(stderr, "fixture: %s: %s\n", status_word(rc), err->message);
    abort();
}

static inline void fixture_open(struct fixture *f)
{
    struct catalog_options options = {.data = f->data, .readers = 8};
    struct error err;

    fixture_must(catalog_open(&options, &f->catalog, &err), &err);
}

static inline void fixture_setup(struct fixture *f)
{
    struct error err;
    int64_t id;

    *f = (struct fixture){.data = "/tmp/packhouse-test-XXXXXX", .arena = arena_new()};
    if (!mkdtemp(f->data))
        abort();
    fixture_must(catalog_create(f->data, &err), &err);
    fixture_open(f);
    fixture_must(catalog_create_owner(f->catalog, "owner", &id, &err), &err);
    f->owner = (struct principal){.account_id = id, .name = "owner", .is_owner = true, .actions = ACTIONS_ALL};
    f->actor = (struct actor){&f->owner, "127.0.0.1", "test"};
    fixture_must(catalog_create_org(f->catalog, &f->actor, "acme", &id, &err), &err);
    fixture_must(catalog_create_repository(f->catalog, &f->actor, "acme", "main", false, &id, &err), &err);
    fixture_must(catalog_find_repository(f->catalog, "acme", "main", f->arena, &f->repository, &err), &err);
}

static inline int fixture_remove_one(const char *path, const struct stat *info, int kind, struct FTW *at)
{
    (void)info;
    (void)kind;
    (void)at;
    return remove(path);
}

static inline void fixture_teardown(struct fixture *f)
{
    catalog_close(f->catalog);
    nftw(f->data, fixture_remove_one, 16, FTW_DEPTH | FTW_PHYS);
    arena_free(f->arena);
}

/* For cmocka: the fixture is the state of each test. */
static inline int fixture_setup_state(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    fixture_setup(f);
    *state = f;
    return 0;
}

static inline int fixture_teardown_state(void **state)
{
    fixture_teardown(*state);
    free(*state);
    return 0;
}

#define FIXTURE_TEST(test) \
    cmocka_unit_test_setup_teardown(test, fixture_setup_state, fixture_teardown_state)

/* Publishes one artifact file; the publication tells how it went. */
static inline enum status fixture_publish(struct fixture *f, const char *package, const char *version,
                                          const char *path, const char *bytes,
                                          struct publication *pub, struct error *err)
{
    char name[256];
    struct publication_file file = {.name = name};
    enum status rc;

    snprintf(name, sizeof name, "%s/%s", version, path);
    if ((rc = catalog_stage(f->catalog, -1, 0, &file.stage, err)))
        return rc;
    *pub = (struct publication){
        .repository = &f->repository, .actor = &f->actor, .format = FORMAT_ARTIFACT, .name = package,
        .name_norm = package, .version = version, .sort_key = version,
        .sort_key_length = strlen(version), .files = &file, .file_count = 1,
    };
    if (!(rc = stage_write(file.stage, bytes, strlen(bytes), err)))
        rc = catalog_publish(f->catalog, pub, err);
    stage_close(file.stage);
    pub->files = NULL;
    return rc;
}
