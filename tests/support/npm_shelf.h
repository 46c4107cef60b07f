/* One npm package on the fixture's repository: published, removed, restored, swept. For tests in C. */
#pragma once
#include "config/clock.h"
#include "storage/catalog/removal.h"
#include "storage/catalog/sweep.h"
#include "storage/catalog/verify.h"
#include "storage/memory/semver.h"
#include "storage/memory/strbuf.h"
#include "tests/support/catalog_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define DAY_US (INT64_C(86400) * 1000000)

static const char *shelf_package;

static inline void shelf_setup(struct fixture *f, const char *package)
{
    fixture_setup(f);
    shelf_package = package;
}

static inline void pass_time(int64_t time_us)
{
    static int64_t passed_us;

    clock_shift_us(passed_us += time_us);
}

/* Publishes an npm version whose tarball has these bytes. */
static inline enum status publish_npm(struct fixture *f, const struct repository *repository,
                               const char *version, const char *bytes, const char *tag,
                               struct error *err)
{
    struct publication_file file = {.name = arena_format(f->arena, "%s-%s.tgz", shelf_package, version)};
    struct publication pub = {
        .repository = repository, .actor = &f->actor, .format = FORMAT_NPM, .name = shelf_package,
        .name_norm = shelf_package, .version = version, .document = "{}", .document_length = 2,
        .version_must_be_new = true, .tags = &tag, .tag_count = tag != NULL, .first_tag = "latest",
        .files = &file, .file_count = 1};
    struct semver semver;
    struct strbuf key;
    enum status rc;

    strbuf_init(&key, f->arena, 2048);
    assert_true(semver_parse(version, &semver));
    semver_sort_key(&semver, &key);
    pub.sort_key = key.data;
    pub.sort_key_length = key.length;
    if ((rc = catalog_stage(f->catalog, -1, 0, &file.stage, err)))
        return rc;
    if (!(rc = stage_write(file.stage, bytes, strlen(bytes), err)))
        rc = catalog_publish(f->catalog, &pub, err);
    stage_close(file.stage);
    return rc;
}

static inline void must_publish(struct fixture *f, const char *version, const char *tag)
{
    struct error err = {0};

    fixture_must(publish_npm(f, &f->repository, version, version, tag, &err), &err);
}

static inline struct removal removal_of(struct fixture *f, const char *version)
{
    return (struct removal){.repository = &f->repository, .actor = &f->actor, .format = FORMAT_NPM,
                            .name_norm = shelf_package, .version = version, .reason = "test",
                            .trash_us = 14 * DAY_US};
}

static inline enum status remove_npm(struct fixture *f, const char *version, bool now, struct error *err)
{
    struct removal removal = removal_of(f, version);

    removal.now = now;
    return catalog_remove_version(f->catalog, &removal, err);
}

static inline enum status restore_npm(struct fixture *f, const char *version, struct error *err)
{
    struct removal removal = removal_of(f, version);

    return catalog_restore_version(f->catalog, &removal, err);
}

/* One whole round. */
static inline void sweep(struct fixture *f, int64_t grace_us, int64_t trash_us)
{
    struct sweep sweep = {.grace_us = grace_us, .trash_us = trash_us};
    struct error err = {0};

    do
        fixture_must(catalog_sweep_step(f->catalog, &sweep, &err), &err);
    while (sweep.next_id);
}

static inline const char *file_of(struct fixture *f, const char *version, struct stored_file *out)
{
    const char *name = arena_format(f->arena, "%s-%s.tgz", shelf_package, version);
    struct error err;

    if (catalog_find_file(f->catalog, &f->repository, FORMAT_NPM, shelf_package, name, f->arena, out, &err))
        return NULL;
    return out->name;
}

static inline bool is_there(struct fixture *f, const char *version)
{
    struct stored_file file;

    return file_of(f, version, &file) != NULL;
}

static inline enum status add_tag(void *context, const struct tag *tag, struct error *err)
{
    struct strbuf *out = context;

    (void)err;
    strbuf_format(out, "%s%s=%s", out->length ? " " : "", tag->tag, tag->version);
    return STATUS_OK;
}

/* "beta=2.0.0 latest=1.0.0" */
static inline const char *tags(struct fixture *f)
{
    struct package_visitor visitor = {.tag = add_tag};
    struct package package;
    struct error err = {0};
    struct strbuf out;

    strbuf_init(&out, f->arena, 4096);
    visitor.context = &out;
    fixture_must(catalog_walk_package(f->catalog, &f->repository, FORMAT_NPM, shelf_package, &package,
                                      f->arena, &visitor, &err), &err);
    return out.length ? out.data : "";
}

static inline struct verify_report verify_clean(struct fixture *f)
{
    struct verify_report report;
    struct error err = {0};

    fixture_must(catalog_verify(f->data, true, f->arena, &report, NULL, &err), &err);
    for (int64_t i = 0; i < report.finding_count; i++)
        print_error("%s\n", report.findings[i]);
    assert_int_equal(report.finding_count, 0);
    assert_int_equal(report.orphans, 0);
    return report;
}

static inline int blob_files(struct fixture *f)
{
    char command[256], count[16] = "";
    FILE *pipe;

    snprintf(command, sizeof command, "find %s/blobs -type f | wc -l", f->data);
    pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_non_null(fgets(count, sizeof count, pipe));
    pclose(pipe);
    return atoi(count);
}
