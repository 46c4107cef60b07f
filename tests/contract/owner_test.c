/* A name has one owner: whoever comes first, until an administrator says otherwise. DESIGN 1. */
#include "storage/catalog/audit.h"
#include "storage/catalog/owner.h"
#include "storage/catalog/writer.h"
#include "storage/metadata/db.h"
#include "tests/support/catalog_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <cmocka.h>

static struct upstream add(struct fixture *f, enum format format, const char *url,
                           const char *const *names)
{
    const struct upstream_change change = {.format = format, .url = url, .names = names};
    struct upstream upstream;
    struct error err = {0};

    fixture_must(catalog_add_upstream(f->catalog, &f->actor, &f->repository, &change, &upstream, f->arena, &err), &err);
    return upstream;
}

static struct repository make_repository(struct fixture *f, const char *name)
{
    struct repository repository;
    struct error err = {0};
    int64_t id;

    fixture_must(catalog_create_repository(f->catalog, &f->actor, "acme", name, false, &id, &err), &err);
    fixture_must(catalog_find_repository(f->catalog, "acme", name, f->arena, &repository, &err), &err);
    return repository;
}

static enum status publish_in(struct fixture *f, const struct repository *repository,
                              enum format format, const char *name, const char *version,
                              struct error *err)
{
    struct publication_file file = {.name = arena_format(f->arena, "%s-%s.tgz", name, version)};
    struct publication pub = {
        .repository = repository, .actor = &f->actor, .format = format, .name = name, .name_norm = name,
        .version = version, .sort_key = version, .sort_key_length = strlen(version), .files = &file,
        .file_count = 1,
    };
    enum status rc;

    if ((rc = catalog_stage(f->catalog, -1, 0, &file.stage, err)))
        return rc;
    if (!(rc = stage_write(file.stage, name, strlen(name), err)))
        rc = catalog_publish(f->catalog, &pub, err);
    stage_close(file.stage);
    return rc;
}

static enum status publish(struct fixture *f, enum format format, const char *name, struct error *err)
{
    return publish_in(f, &f->repository, format, name, "1.0.0", err);
}

struct ingestion {
    const struct upstream *upstream;
    const char *name;
};

static enum status run_ingestion(struct transaction *tx, void *argument, struct error *err)
{
    struct ingestion *ingestion = argument;

    return tx_own_by_upstream(tx, ingestion->upstream, ingestion->name, err);
}

static enum status ingest(struct fixture *f, const struct upstream *upstream, const char *name_fold,
                          struct error *err)
{
    struct ingestion ingestion = {upstream, name_fold};

    return writer_run(catalog_writer(f->catalog), run_ingestion, &ingestion, NULL, 0, err);
}

/* Asked twice: what is found again from memory is what the rows said. */
static struct home home_in(struct fixture *f, const struct repository *repository,
                           enum format format, const char *name)
{
    struct error err = {0};
    struct home home, again;

    fixture_must(catalog_find_home(f->catalog, repository, format, name, f->arena, &home, &err), &err);
    fixture_must(catalog_find_home(f->catalog, repository, format, name, f->arena, &again, &err), &err);
    assert_int_equal(again.kind, home.kind);
    assert_int_equal(again.repository.id, home.repository.id);
    assert_int_equal(again.upstream_count, home.upstream_count);
    for (size_t i = 0; i < home.upstream_count; i++)
        assert_int_equal(again.upstreams[i].id, home.upstreams[i].id);
    return home;
}

static struct home home_of(struct fixture *f, enum format format, const char *name)
{
    return home_in(f, &f->repository, format, name);
}

static enum status claim(struct fixture *f, const char *pattern, bool take, size_t *owned,
                         struct error *err)
{
    struct owner *owners;

    return catalog_add_claim(f->catalog, &f->actor, f->repository.org_id, 0, pattern, take, f->arena,
                             &owners, owned, err);
}

static void without_a_row_the_upstreams_are_asked_in_order(void **state)
{
    struct fixture *f = *state;
    struct upstream first = add(f, FORMAT_NPM, "https://one.example/", NULL);
    struct upstream second = add(f, FORMAT_NPM, "https://two.example/npm", NULL);
    struct home home;

    add(f, FORMAT_PYPI, "https://three.example/simple/", NULL);
    assert_string_equal(first.url, "https://one.example");
    assert_string_equal(first.name, "npm");
    assert_string_equal(second.name, "npm-2");
    home = home_of(f, FORMAT_NPM, "left-pad");
    assert_int_equal(home.kind, HOME_UNOWNED);
    assert_int_equal(home.upstream_count, 2);
    assert_int_equal(home.upstreams[0].id, first.id);
    assert_int_equal(home.upstreams[1].id, second.id);
    assert_string_equal(home_of(f, FORMAT_PYPI, "requests").upstreams[0].name, "pypi");
    assert_int_equal(home_of(f, FORMAT_NPM, "h\xc3\xa9llo").kind, HOME_ABSENT);
}

static void a_published_name_is_asked_nowhere(void **state)
{
    struct fixture *f = *state;
    struct repository other = make_repository(f, "other");
    struct error err = {0};
    struct upstream upstream;

    upstream = add(f, FORMAT_NPM, "https://one.example", NULL);
    assert_int_equal(catalog_add_source(f->catalog, &f->actor, &other, "npm", &err), STATUS_OK);
    assert_int_equal(publish(f, FORMAT_NPM, "hello", &err), STATUS_OK);
    assert_int_equal(home_of(f, FORMAT_NPM, "hello").kind, HOME_LOCAL);
    assert_int_equal(home_in(f, &other, FORMAT_NPM, "hello").kind, HOME_CLAIMED);
    assert_int_equal(home_of(f, FORMAT_NPM, "HELLO").kind, HOME_CLAIMED);
    assert_int_equal(ingest(f, &upstream, "hello", &err), STATUS_CONFLICT);
    assert_string_equal(err.code, "owner-changed");
}

static void an_upstreams_name_is_not_published(void **state)
{
    struct fixture *f = *state;
    struct repository other = make_repository(f, "other");
    struct upstream upstream = add(f, FORMAT_NPM, "https://one.example", NULL);
    struct upstream second = add(f, FORMAT_NPM, "https://two.example", NULL);
    struct error err = {0};
    struct home home;

    assert_int_equal(ingest(f, &upstream, "left-pad", &err), STATUS_OK);
    assert_int_equal(ingest(f, &upstream, "left-pad", &err), STATUS_OK);
    assert_int_equal(ingest(f, &second, "left-pad", &err), STATUS_CONFLICT);
    home = home_of(f, FORMAT_NPM, "left-pad");
    assert_int_equal(home.kind, HOME_UPSTREAM);
    assert_int_equal(home.upstream_count, 1);
    assert_int_equal(home.upstreams[0].id, upstream.id);
    assert_int_equal(home_in(f, &other, FORMAT_NPM, "left-pad").kind, HOME_ABSENT);
    assert_int_equal(publish(f, FORMAT_NPM, "left-pad", &err), STATUS_CONFLICT);
    assert_string_equal(err.code, "name-owned-by-upstream");
    assert_non_null(strstr(err.message, "packhouse owner set npm:left-pad org"));
    assert_int_equal(publish_in(f, &other, FORMAT_NPM, "LEFT-pad", "1.0.0", &err), STATUS_CONFLICT);
    assert_int_equal(publish(f, FORMAT_PYPI, "left-pad", &err), STATUS_OK); /* another format's name */
}

static void a_local_source_has_what_the_repository_has_not(void **state)
{
    struct fixture *f = *state;
    struct repository other = make_repository(f, "other");
    struct error err = {0};
    struct home home;
    uint64_t before = catalog_home_generation(f->catalog, f->repository.org_id);

    assert_int_equal(publish_in(f, &other, FORMAT_NPM, "hello", "1.0.0", &err), STATUS_OK);
    assert_int_equal(home_of(f, FORMAT_NPM, "hello").kind, HOME_CLAIMED);
    assert_int_equal(catalog_add_source(f->catalog, &f->actor, &f->repository, "other", &err), STATUS_OK);
    assert_true(catalog_home_generation(f->catalog, f->repository.org_id) > before);
    home = home_of(f, FORMAT_NPM, "hello");
    assert_int_equal(home.kind, HOME_LOCAL);
    assert_int_equal(home.repository.id, other.id);
    assert_string_equal(home.repository.name, "other");
    assert_int_equal(catalog_add_source(f->catalog, &f->actor, &f->repository, "other", &err), STATUS_CONFLICT);
    assert_int_equal(catalog_add_source(f->catalog, &f->actor, &f->repository, "main", &err), STATUS_INVALID);
    assert_int_equal(catalog_add_source(f->catalog, &f->actor, &f->repository, "none", &err), STATUS_NOT_FOUND);
    assert_int_equal(publish(f, FORMAT_NPM, "hello", &err), STATUS_OK);
    assert_int_equal(home_of(f, FORMAT_NPM, "hello").repository.id, f->repository.id);
    assert_int_equal(catalog_remove_source(f->catalog, &f->actor, &f->repository, "other", &err), STATUS_OK);
    assert_int_equal(catalog_remove_source(f->catalog, &f->actor, &f->repository, "other", &err), STATUS_NOT_FOUND);
}

/* Which names a pattern makes the org's, and which it leaves alone. */
static const struct {
    const char *pattern;
    enum format format;
    const char *name;
    bool covers;
} patterns[] = {
    {"@acme/*",   FORMAT_NPM,  "@acme/ui",      true },
    {"@ACME/*",   FORMAT_NPM,  "@acme/ui",      true },
    {"@acme/*",   FORMAT_NPM,  "@Acme/UI",      true },
    {"@acme/*",   FORMAT_NPM,  "@acme-corp/ui", false},
    {"@acme/*",   FORMAT_NPM,  "acme",          false},
    {"acme-*",    FORMAT_NPM,  "acme-web",      true },
    {"acme-*",    FORMAT_NPM,  "@x/acme-web",   false},
    {"acme-*",    FORMAT_PYPI, "acme-web",      true },
    {"Acme._*",   FORMAT_PYPI, "acme-web",      true },
    {"acme_core", FORMAT_PYPI, "acme-core",     true },
    {"acme-*",    FORMAT_PYPI, "acme",          false},
};

static void a_claim_covers_every_spelling(void **state)
{
    struct fixture *f = *state;

    add(f, FORMAT_NPM, "https://one.example", NULL);
    add(f, FORMAT_PYPI, "https://two.example", NULL);
    for (size_t row = 0; row < sizeof patterns / sizeof *patterns; row++) {
        struct error err = {0};
        struct home home;
        size_t owned;

        fixture_must(claim(f, patterns[row].pattern, false, &owned, &err), &err);
        home = home_of(f, patterns[row].format, patterns[row].name);
        if (home.kind != (patterns[row].covers ? HOME_CLAIMED : HOME_UNOWNED))
            fail_msg("row %zu: %s and %s", row, patterns[row].pattern, patterns[row].name);
        fixture_must(catalog_remove_claim(f->catalog, &f->actor, f->repository.org_id, 0,
                                          patterns[row].pattern, &err), &err);
        assert_int_equal(home_of(f, patterns[row].format, patterns[row].name).kind, HOME_UNOWNED);
    }
}

static void a_pattern_of_everything_is_refused(void **state)
{
    static const char *const refused[] = {"", "*", "@*", "**", "*-acme", "@*/acme", "-*", "acme web", "acm\xc3\xa9"};
    struct fixture *f = *state;

    for (size_t row = 0; row < sizeof refused / sizeof *refused; row++) {
        struct error err = {0};
        size_t owned;

        if (claim(f, refused[row], true, &owned, &err) != STATUS_INVALID)
            fail_msg("row %zu: '%s' is taken", row, refused[row]);
    }
}

static void a_claim_takes_from_upstreams_only_when_told_to(void **state)
{
    struct fixture *f = *state;
    struct upstream upstream = add(f, FORMAT_NPM, "https://one.example", NULL);
    struct error err = {0};
    struct owner owner;
    size_t owned;

    fixture_must(ingest(f, &upstream, "acme-web", &err), &err);
    fixture_must(ingest(f, &upstream, "acmeweb", &err), &err);
    assert_int_equal(claim(f, "acme-*", false, &owned, &err), STATUS_CONFLICT);
    assert_string_equal(err.code, "owned-by-upstreams");
    assert_int_equal(owned, 1);
    assert_int_equal(home_of(f, FORMAT_NPM, "acme-web").kind, HOME_UPSTREAM);
    assert_int_equal(claim(f, "acme-*", true, &owned, &err), STATUS_OK);
    assert_int_equal(owned, 1);
    assert_int_equal(home_of(f, FORMAT_NPM, "acme-web").kind, HOME_CLAIMED);
    assert_int_equal(home_of(f, FORMAT_NPM, "acmeweb").kind, HOME_UPSTREAM);
    assert_int_equal(ingest(f, &upstream, "acme-web", &err), STATUS_CONFLICT);
    assert_int_equal(ingest(f, &upstream, "acme-new", &err), STATUS_CONFLICT);
    assert_int_equal(publish(f, FORMAT_NPM, "acme-new", &err), STATUS_OK);
    assert_int_equal(catalog_find_owner(f->catalog, f->repository.org_id, FORMAT_NPM, "acme-new", f->arena,
                                        &owner, &err), STATUS_OK);
    assert_string_equal(owner.claim, "acme-*");
    assert_int_equal(catalog_set_owner(f->catalog, &f->actor, f->repository.org_id, FORMAT_NPM, "acme-web",
                                       &upstream, "why", &err), STATUS_CONFLICT);
    fixture_must(catalog_remove_claim(f->catalog, &f->actor, f->repository.org_id, 0, "acme-*", &err), &err);
    assert_int_equal(home_of(f, FORMAT_NPM, "acme-new").kind, HOME_LOCAL); /* what was published stays */
    assert_int_equal(home_of(f, FORMAT_NPM, "acme-web").kind, HOME_CLAIMED);
    assert_int_equal(catalog_remove_claim(f->catalog, &f->actor, f->repository.org_id, 0, "acme-*", &err), STATUS_NOT_FOUND);
}

static void names_kept_for_an_upstream_are_asked_of_it_alone(void **state)
{
    static const char *const partner[] = {"@Partner/*", NULL};
    struct fixture *f = *state;
    struct upstream all = add(f, FORMAT_NPM, "https://one.example", NULL);
    struct upstream kept = add(f, FORMAT_NPM, "https://two.example", partner);
    struct repository other = make_repository(f, "other");
    struct error err = {0};
    struct home home = home_of(f, FORMAT_NPM, "@partner/ui");

    assert_int_equal(home.upstream_count, 1);
    assert_int_equal(home.upstreams[0].id, kept.id);
    home = home_of(f, FORMAT_NPM, "left-pad");
    assert_int_equal(home.upstream_count, 1);
    assert_int_equal(home.upstreams[0].id, all.id);
    assert_int_equal(catalog_add_source(f->catalog, &f->actor, &other, all.name, &err), STATUS_OK);
    assert_int_equal(home_in(f, &other, FORMAT_NPM, "@partner/ui").kind, HOME_ABSENT);
}

static void an_owner_is_set_with_a_reason_and_a_preview(void **state)
{
    struct fixture *f = *state;
    struct upstream upstream = add(f, FORMAT_NPM, "https://one.example", NULL);
    int64_t org_id = f->repository.org_id;
    struct audit_entry *entries;
    const char **versions;
    struct error err = {0};
    struct owner owner;
    size_t count;

    assert_int_equal(catalog_find_owner(f->catalog, org_id, FORMAT_NPM, "hello", f->arena, &owner, &err), STATUS_NOT_FOUND);
    fixture_must(publish_in(f, &f->repository, FORMAT_NPM, "hello", "1.0.0", &err), &err);
    fixture_must(publish_in(f, &f->repository, FORMAT_NPM, "hello", "1.1.0", &err), &err);
    fixture_must(catalog_list_stored_versions(f->catalog, org_id, FORMAT_NPM, "hello", NULL, f->arena,
                                              &versions, &count, &err), &err);
    assert_int_equal(count, 2);
    assert_string_equal(versions[1], "1.1.0");
    fixture_must(catalog_list_stored_versions(f->catalog, org_id, FORMAT_NPM, "hello", upstream.name, f->arena,
                                              &versions, &count, &err), &err);
    assert_int_equal(count, 0);
    assert_int_equal(catalog_set_owner(f->catalog, &f->actor, org_id, FORMAT_NPM, "hello", &upstream, "", &err), STATUS_INVALID);
    assert_int_equal(catalog_set_owner(f->catalog, &f->actor, org_id, FORMAT_PYPI, "hello", &upstream, "why", &err), STATUS_INVALID);
    fixture_must(catalog_set_owner(f->catalog, &f->actor, org_id, FORMAT_NPM, "hello", &upstream, "a fork", &err), &err);
    assert_int_equal(home_of(f, FORMAT_NPM, "hello").kind, HOME_UPSTREAM);
    assert_int_equal(publish_in(f, &f->repository, FORMAT_NPM, "hello", "1.2.0", &err), STATUS_CONFLICT);
    fixture_must(catalog_list_audit(f->catalog, org_id, 0, 1, f->arena, &entries, &count, &err), &err);
    assert_string_equal(entries[0].action, "owner.set");
    assert_non_null(strstr(entries[0].detail, "a fork"));
    fixture_must(catalog_set_owner(f->catalog, &f->actor, org_id, FORMAT_NPM, "hello", NULL, "ours", &err), &err);
    assert_int_equal(home_of(f, FORMAT_NPM, "hello").kind, HOME_LOCAL);
    fixture_must(publish_in(f, &f->repository, FORMAT_NPM, "hello", "1.2.0", &err), &err);
}

static void a_removed_upstream_still_owns_its_names(void **state)
{
    struct fixture *f = *state;
    struct upstream upstream = add(f, FORMAT_NPM, "https://one.example", NULL), other, again;
    struct error err = {0};

    fixture_must(ingest(f, &upstream, "left-pad", &err), &err);
    fixture_must(catalog_remove_upstream(f->catalog, &f->actor, &upstream, &err), &err);
    assert_int_equal(catalog_remove_upstream(f->catalog, &f->actor, &upstream, &err), STATUS_NOT_FOUND);
    assert_int_equal(catalog_find_upstream(f->catalog, f->repository.org_id, "npm", f->arena, &other, &err), STATUS_NOT_FOUND);
    assert_int_equal(home_of(f, FORMAT_NPM, "left-pad").kind, HOME_ABSENT);
    assert_int_equal(ingest(f, &upstream, "left-pad", &err), STATUS_CONFLICT);
    assert_int_equal(ingest(f, &upstream, "right-pad", &err), STATUS_CONFLICT);
    other = add(f, FORMAT_NPM, "https://two.example", NULL);
    assert_string_equal(other.name, "npm");
    assert_int_equal(home_of(f, FORMAT_NPM, "left-pad").kind, HOME_ABSENT);
    assert_int_equal(publish(f, FORMAT_NPM, "left-pad", &err), STATUS_CONFLICT);
    again = add(f, FORMAT_NPM, "https://one.example", NULL); /* the same registry as before */
    assert_int_equal(again.id, upstream.id);
    assert_int_equal(home_of(f, FORMAT_NPM, "left-pad").kind, HOME_UPSTREAM);
}

static void an_upstream_is_no_repository_to_ask(void **state)
{
    struct fixture *f = *state;
    struct upstream upstream = add(f, FORMAT_NPM, "https://one.example", NULL);
    struct repository repository, *repositories;
    struct error err = {0};
    size_t count;
    int64_t id;

    assert_int_equal(catalog_find_repository(f->catalog, "acme", upstream.name, f->arena, &repository, &err), STATUS_NOT_FOUND);
    fixture_must(catalog_list_repositories(f->catalog, f->repository.org_id, NULL, 10, f->arena, &repositories, &count, &err), &err);
    assert_int_equal(count, 1);
    assert_int_equal(catalog_create_repository(f->catalog, &f->actor, "acme", "npm", false, &id, &err), STATUS_CONFLICT);
    assert_int_equal(catalog_set_upstream_offline(f->catalog, &f->actor, &upstream, true, &err), STATUS_OK);
    fixture_must(catalog_find_upstream(f->catalog, f->repository.org_id, "npm", f->arena, &upstream, &err), &err);
    assert_true(upstream.is_offline);
}

/* What would send a secret along, or is no registry's address. */
static void a_url_with_more_than_an_address_is_refused(void **state)
{
    static const char *const refused[] = {"", "one.example", "ftp://one.example", "https://", "https://me:pw@one.example",
                                          "https://one.example/?token=1", "https://one.example/#top", "https://\xc3\xbc.example",
                                          "https://%6fne.example"};
    struct fixture *f = *state;

    for (size_t row = 0; row < sizeof refused / sizeof *refused; row++) {
        const struct upstream_change change = {.format = FORMAT_NPM, .url = refused[row]};
        struct upstream upstream;
        struct error err = {0};

        if (catalog_add_upstream(f->catalog, &f->actor, &f->repository, &change, &upstream, f->arena, &err) != STATUS_INVALID)
            fail_msg("row %zu: '%s' is taken", row, refused[row]);
    }
}

static void a_credential_is_sealed_and_opens_again(void **state)
{
    struct fixture *f = *state;
    char *path = arena_format(f->arena, "%s/token.txt", f->data);
    char *key = arena_format(f->arena, "%s/secret.key", f->data);
    struct upstream_change change = {.format = FORMAT_NPM, .url = "https://one.example", .credential = "Bearer s3cret"};
    struct upstream sealed, read, none;
    const char *credential;
    struct error err = {0};
    struct stat info;
    FILE *file;

    none = add(f, FORMAT_NPM, "https://none.example", NULL);
    assert_int_equal(stat(key, &info), -1); /* made at the first use */
    fixture_must(catalog_add_upstream(f->catalog, &f->actor, &f->repository, &change, &sealed, f->arena, &err), &err);
    assert_int_equal(stat(key, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    fixture_must(catalog_upstream_credential(f->catalog, &sealed, f->arena, &credential, &err), &err);
    assert_string_equal(credential, "Bearer s3cret");
    fixture_must(catalog_upstream_credential(f->catalog, &none, f->arena, &credential, &err), &err);
    assert_null(credential);
    change = (struct upstream_change){.format = FORMAT_NPM, .url = "https://two.example", .credential_file = path};
    fixture_must(catalog_add_upstream(f->catalog, &f->actor, &f->repository, &change, &read, f->arena, &err), &err);
    assert_int_not_equal(catalog_upstream_credential(f->catalog, &read, f->arena, &credential, &err), STATUS_OK);
    file = fopen(path, "we");
    fputs("t0ken\n", file);
    fclose(file);
    fixture_must(catalog_upstream_credential(f->catalog, &read, f->arena, &credential, &err), &err);
    assert_string_equal(credential, "Bearer t0ken");
    change = (struct upstream_change){.format = FORMAT_NPM, .url = "https://x.example", .credential = "Bearer a\r\nX: y"};
    assert_int_equal(catalog_add_upstream(f->catalog, &f->actor, &f->repository, &change, &read, f->arena, &err), STATUS_INVALID);
    fixture_must(catalog_remove_upstream(f->catalog, &f->actor, &sealed, &err), &err);
    fixture_must(catalog_upstream_credential(f->catalog, &sealed, f->arena, &credential, &err), &err);
    assert_null(credential);
}

struct heard {
    int64_t repositories[8];
    size_t count;
};

static void hear(void *context, int64_t repository_id, const char *name_norm)
{
    struct heard *heard = context;

    if (!strcmp(name_norm, "hello") && heard->count < 8)
        heard->repositories[heard->count++] = repository_id;
}

/* What a document cache keeps is kept under the repository that was asked. */
static void a_change_is_told_to_those_who_have_it_as_a_source(void **state)
{
    struct fixture *f = *state;
    struct heard heard = {0};
    struct writer_hooks hooks = {.context = &heard, .package_changed = hear};
    struct repository other;
    struct error err = {0};
    bool main_heard = false;

    writer_add_hooks(catalog_writer(f->catalog), &hooks);
    other = make_repository(f, "other");
    fixture_must(catalog_add_source(f->catalog, &f->actor, &f->repository, "other", &err), &err);
    fixture_must(publish_in(f, &other, FORMAT_NPM, "hello", "1.0.0", &err), &err);
    assert_int_equal(heard.count, 2);
    for (size_t i = 0; i < heard.count; i++)
        main_heard |= heard.repositories[i] == f->repository.id;
    assert_true(main_heard);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(without_a_row_the_upstreams_are_asked_in_order),
        FIXTURE_TEST(a_published_name_is_asked_nowhere),
        FIXTURE_TEST(an_upstreams_name_is_not_published),
        FIXTURE_TEST(a_local_source_has_what_the_repository_has_not),
        FIXTURE_TEST(a_claim_covers_every_spelling),
        FIXTURE_TEST(a_pattern_of_everything_is_refused),
        FIXTURE_TEST(a_claim_takes_from_upstreams_only_when_told_to),
        FIXTURE_TEST(names_kept_for_an_upstream_are_asked_of_it_alone),
        FIXTURE_TEST(an_owner_is_set_with_a_reason_and_a_preview),
        FIXTURE_TEST(a_removed_upstream_still_owns_its_names),
        FIXTURE_TEST(an_upstream_is_no_repository_to_ask),
        FIXTURE_TEST(a_url_with_more_than_an_address_is_refused),
        FIXTURE_TEST(a_credential_is_sealed_and_opens_again),
        FIXTURE_TEST(a_change_is_told_to_those_who_have_it_as_a_source),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
