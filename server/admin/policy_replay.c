/* What another policy would have said of the fetches of the last days: from the facts of then, at the
 * time of each fetch. Access spec C3. */
#include "server/admin/admin.h"
#include "server/admin/exchange.h"
#include "server/admin/held.h"

#include "config/clock.h"
#include "storage/catalog/fetch_count.h"
#include "storage/catalog/home_map.h"
#include "storage/memory/arena.h"

#include <stdlib.h>
#include <string.h>

enum {
    DAYS_DEFAULT = 7,
    DAYS_MAX = 90,
    LISTED_MAX = 5000,
    NAMED_MAX = 20, /* accounts of one change */
    SLOTS_FIRST = 1024,
    KNOWN_SLOTS = 1 << 17, /* a power of two; ids of facts follow one another */
    KNOWN_BYTES_MAX = 64 << 20,
};

#define DAY_US (INT64_C(86400) * 1000000)

/* A decision that would be another one: of one version, of all who fetched it and were told the same. */
struct change {
    struct change *next; /* in its slot */
    enum format format;
    const char *name, *name_fold, *version;
    const char *from, *to; /* "would_hold" */
    const char *rules;     /* of the one that lets through less */
    bool is_refused;       /* to: no bytes would go out */
    int64_t fetches, last_us;
    int64_t *accounts;
    const char *named[NAMED_MAX + 1];
    size_t account_count, account_capacity;
};

/* Facts that were read, for days look at the same ones. */
struct known_facts {
    int64_t id;
    struct facts facts;
};

struct replay {
    struct request *req;
    struct policy *policy;
    const struct policy_exception *exceptions; /* those that are live now */
    size_t exception_count;
    int64_t since_us;
    struct arena *scratch, *findings, *known_arena;
    const struct known_facts **known; /* by the low bits of their ids; the first of a slot stays */
    size_t known_bytes;
    struct change **slots;
    size_t slot_count, change_count;
    int64_t fetches, changed, refused, admitted;
};

static const char *word_of(enum verdict_action action, bool is_audited)
{
    static const char *const words[] = {"allow", "hold", "deny", "allow", "would_hold", "would_deny"};

    return words[action + (is_audited ? 3 : 0)];
}

/* FNV-1a */
static size_t hash_text(size_t hash, const char *text)
{
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * (size_t)1099511628211;
    return hash * 31;
}

static size_t hash_change(const struct change *change)
{
    size_t hash = hash_text((size_t)change->format, change->name_fold);

    return hash_text(hash_text(hash_text(hash, change->version), change->from), change->to);
}

static bool is_same(const struct change *one, const struct change *other)
{
    return one->format == other->format && !strcmp(one->name_fold, other->name_fold) &&
           !strcmp(one->version, other->version) && !strcmp(one->from, other->from) &&
           !strcmp(one->to, other->to);
}

static void grow(struct replay *replay)
{
    size_t count = replay->slot_count ? 2 * replay->slot_count : SLOTS_FIRST;
    struct change **slots = arena_array(replay->req->arena, count, sizeof *slots);

    for (size_t i = 0; i < count; i++)
        slots[i] = NULL;
    for (size_t i = 0; i < replay->slot_count; i++)
        for (struct change *change = replay->slots[i], *next; change; change = next) {
            struct change **slot = &slots[hash_change(change) & (count - 1)];

            next = change->next;
            change->next = *slot;
            *slot = change;
        }
    replay->slots = slots;
    replay->slot_count = count;
}

/* The change that there is already, or a new one with texts of its own. */
static struct change *find_change(struct replay *replay, const struct change *wanted)
{
    struct arena *arena = replay->req->arena;
    struct change *change, **slot;

    if (replay->change_count == replay->slot_count)
        grow(replay);
    slot = &replay->slots[hash_change(wanted) & (replay->slot_count - 1)];
    for (change = *slot; change; change = change->next)
        if (is_same(change, wanted))
            return change;
    change = arena_alloc(arena, sizeof *change);
    *change = *wanted;
    change->name = arena_copy(arena, wanted->name);
    change->name_fold = arena_copy(arena, wanted->name_fold);
    change->version = arena_copy(arena, wanted->version);
    change->rules = arena_copy(arena, wanted->rules);
    change->next = *slot;
    *slot = change;
    replay->change_count++;
    return change;
}

static void add_account(struct arena *arena, struct change *change, const struct fetch_count *fetch)
{
    for (size_t i = change->account_count; i-- > 0;)
        if (change->accounts[i] == fetch->account_id)
            return;
    change->accounts = arena_grow(arena, change->accounts, change->account_count, &change->account_capacity,
                                  sizeof *change->accounts);
    if (change->account_count < NAMED_MAX)
        change->named[change->account_count] = arena_copy(arena, fetch->account);
    change->accounts[change->account_count++] = fetch->account_id;
}

static const char *rules_of(const struct verdict *verdict, struct arena *arena)
{
    struct strbuf rules;

    strbuf_init(&rules, arena, 64 << 10);
    verdict_rules(verdict, &rules);
    return verdict->standing_count ? rules.data : "";
}

/* What was fetched when nothing was known of it is known by its name alone. */
static enum status read_facts(struct replay *replay, const struct fetch_count *fetch,
                              struct facts *out, struct error *err)
{
    const struct known_facts **slot = &replay->known[fetch->facts_id & (KNOWN_SLOTS - 1)];
    size_t length;
    bool is_kept;
    enum status rc;

    if (*slot && (*slot)->id == fetch->facts_id) {
        *out = (*slot)->facts;
        return STATUS_OK;
    }
    length = strlen(fetch->facts);
    is_kept = !*slot && replay->known_bytes + length < KNOWN_BYTES_MAX;
    arena_reset(replay->scratch);
    if ((rc = facts_read(fetch->facts, length, is_kept ? replay->known_arena : replay->scratch, out, err)))
        return rc;
    if (!out->name) {
        *out = (struct facts){.format = fetch->format,
                              .name = fetch->name_fold,
                              .version = fetch->version,
                              .upstream = ""};
    } else if (is_kept) {
        struct known_facts *known = arena_alloc(replay->known_arena, sizeof *known);

        *known = (struct known_facts){fetch->facts_id, *out};
        *slot = known;
        replay->known_bytes += length;
    }
    return STATUS_OK;
}

static enum status replay_fetch(void *context, const struct fetch_count *fetch, struct error *err)
{
    struct replay *replay = context;
    struct change wanted = {
        .format = fetch->format, .name_fold = fetch->name_fold, .version = fetch->version};
    struct verdict verdict;
    struct change *change;
    struct facts facts;
    enum status rc;

    if (fetch->last_us < replay->since_us)
        return STATUS_OK;
    if ((rc = read_facts(replay, fetch, &facts, err)))
        return rc;
    replay->fetches += fetch->fetches;
    arena_reset(replay->findings);
    verdict_take(replay->policy, fetch->repository, &facts, replay->exceptions,
                 replay->exception_count, fetch->last_us, replay->findings,
                 &verdict);
    wanted.name = facts.name;
    wanted.from = word_of(fetch->verdict, fetch->is_audited);
    wanted.to = word_of(verdict.action, verdict.mode == POLICY_AUDIT);
    if (strcmp(wanted.from, wanted.to) != 0) {
        bool was_refused = fetch->verdict != VERDICT_ALLOW && !fetch->is_audited;

        wanted.is_refused = !verdict_lets_through(&verdict);
        wanted.rules = verdict.action ? rules_of(&verdict, replay->findings) : fetch->rules;
        change = find_change(replay, &wanted);
        change->fetches += fetch->fetches;
        if (fetch->last_us > change->last_us)
            change->last_us = fetch->last_us;
        add_account(replay->req->arena, change, fetch);
        replay->changed += fetch->fetches;
        replay->refused += wanted.is_refused && !was_refused ? fetch->fetches : 0;
        replay->admitted += was_refused && !wanted.is_refused ? fetch->fetches : 0;
    }
    return STATUS_OK;
}

/* What would be refused first, then what most asked for. */
static int compare_changes(const void *a, const void *b)
{
    const struct change *one = *(struct change *const *)a, *other = *(struct change *const *)b;
    int names;

    if (one->is_refused != other->is_refused)
        return one->is_refused ? -1 : 1;
    if (one->fetches != other->fetches)
        return one->fetches > other->fetches ? -1 : 1;
    if ((names = strcmp(one->name_fold, other->name_fold)))
        return names;
    if ((names = strcmp(one->version, other->version)))
        return names;
    return strcmp(one->from, other->from);
}

static struct change **in_order(const struct replay *replay)
{
    struct change **list = arena_array(replay->req->arena, replay->change_count + 1, sizeof *list);
    size_t count = 0;

    for (size_t i = 0; i < replay->slot_count; i++)
        for (struct change *change = replay->slots[i]; change; change = change->next)
            list[count++] = change;
    qsort(list, count, sizeof *list, compare_changes);
    return list;
}

static void write_change(struct request *req, struct strbuf *out, const struct change *change)
{
    size_t named = change->account_count < NAMED_MAX ? change->account_count : NAMED_MAX;

    write_open(out, NULL, '{');
    write_package(req, out, change->format, change->name, change->version);
    write_text(out, "from", change->from);
    write_text(out, "to", change->to);
    write_words(req, out, "rules", change->rules);
    write_int(out, "fetches", change->fetches);
    write_texts(out, "by", change->named, named);
    write_int(out, "accounts", (int64_t)change->account_count);
    write_time(out, "last_at", change->last_us);
    write_close(out, '}');
}

static enum status answer(struct replay *replay, struct response *res, int64_t days)
{
    struct change **list = in_order(replay);
    struct strbuf out;

    write_begin(&out, replay->req);
    write_open(&out, NULL, '{');
    write_int(&out, "days", days);
    write_int(&out, "fetches", replay->fetches);
    write_int(&out, "decisions", (int64_t)replay->change_count);
    write_int(&out, "changed", replay->changed);
    write_int(&out, "refused", replay->refused);
    write_int(&out, "admitted", replay->admitted);
    write_open(&out, "items", '[');
    for (size_t i = 0; i < replay->change_count && i < LISTED_MAX; i++)
        write_change(replay->req, &out, list[i]);
    write_close(&out, ']');
    write_close(&out, '}');
    return admin_respond(replay->req, res, 200, &out);
}

/* What has ended by now clears nothing when the traffic comes again. */
static void take_exceptions(struct replay *replay, const struct org_homes *homes)
{
    struct policy_exception *live =
        arena_array(replay->req->arena, homes->exception_count + 1, sizeof *live);
    int64_t now_us = clock_now_us();

    for (size_t i = 0; i < homes->exception_count; i++)
        if (homes->exceptions[i].until_us > now_us)
            live[replay->exception_count++] = homes->exceptions[i];
    replay->exceptions = live;
}

static enum status run(struct replay *replay, const struct org *org, int64_t days)
{
    struct request *req = replay->req;
    struct catalog *catalog = req->service->catalog;
    const struct org_homes *homes;
    enum status rc;

    if ((rc = catalog_write_fetches(catalog, &req->error)) ||
        (rc = home_map_get(catalog, org->id, &homes, &req->error)))
        return rc;
    take_exceptions(replay, homes);
    replay->scratch = arena_new();
    replay->findings = arena_new();
    replay->known_arena = arena_new();
    replay->known = arena_array(replay->known_arena, KNOWN_SLOTS, sizeof *replay->known);
    memset(replay->known, 0, KNOWN_SLOTS * sizeof *replay->known);
    grow(replay);
    replay->since_us = clock_now_us() - days * DAY_US;
    rc = catalog_walk_fetches(catalog, org->id, replay->since_us / DAY_US, replay_fetch, replay, &req->error);
    arena_free(replay->scratch);
    arena_free(replay->findings);
    arena_free(replay->known_arena);
    org_homes_release(homes);
    return rc;
}

enum status admin_replay_policy(struct request *req, struct response *res)
{
    static const char *const members[] = {"text", "days"};
    struct replay replay = {.req = req};
    int64_t days = DAYS_DEFAULT;
    const char *text = NULL;
    struct json *body;
    struct org org;
    enum status rc;

    if ((rc = admin_body(req, members, 2, &body)) || (rc = admin_need_text(req, body, "text", &text)) ||
        (rc = admin_get_int(req, body, "days", &days)))
        goto done;
    if (days < 1 || days > DAYS_MAX) {
        rc = admin_invalid(req, "days", "from 1 to %d", DAYS_MAX);
        goto done;
    }
    if ((rc = admin_org(req, &org)) ||
        (rc = policy_read("policy", text, strlen(text), &replay.policy, &req->error)) ||
        (rc = policy_run_cases(replay.policy, "policy", &req->error)) || (rc = run(&replay, &org, days)))
        goto done;
    rc = answer(&replay, res, days);
done:
    policy_free(replay.policy);
    json_free(body);
    return rc;
}
