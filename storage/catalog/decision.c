/* Deciding what was asked for: request.h. */
#include "storage/catalog/reading.h"
#include "storage/catalog/request.h"
#include "storage/catalog/writer.h"
#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { TEXT_MAX = 1 << 20 };

struct deciding {
    struct decision *decision;
    struct request_entry request;
    struct arena *arena;
};

/* Whether a text of words separated by blanks has this one. */
static bool has_word(const char *words, const char *word, size_t length)
{
    for (const char *at = words; *at; at += strcspn(at, " ")) {
        at += strspn(at, " ");
        if (strcspn(at, " ") == length && !strncmp(at, word, length))
            return true;
    }
    return false;
}

/* The first of words that others has (wanted), or has not; NULL: there is none. */
static const char *first_word(const char *words, const char *others, bool wanted, struct arena *arena)
{
    for (const char *at = words; *at; at += strcspn(at, " ")) {
        size_t length;

        at += strspn(at, " ");
        length = strcspn(at, " ");
        if (length && has_word(others, at, length) == wanted)
            return arena_copy_bytes(arena, at, length);
    }
    return NULL;
}

static enum status asks_himself(struct transaction *tx, int64_t id, int64_t account_id, bool *out,
                                struct error *err)
{
    static const char FIND[] = "SELECT 1 FROM request_reason WHERE request_id = ?1 AND account_id = ?2";
    struct query *query = db_query(tx->db, FIND);
    enum status rc;

    db_bind_int(query, 1, id);
    db_bind_int(query, 2, account_id);
    rc = db_next_row(query, err);
    db_reset(query);
    *out = !rc;
    return reading_list_end(rc);
}

/* Somebody else who may approve in this org, as owners of the instance may in each. */
static enum status find_other(struct transaction *tx, int64_t org_id, int64_t account_id,
                              struct arena *arena, const char **out, struct error *err)
{
    static const char OWNER[] = "SELECT name FROM account WHERE id > 0 AND id <> ?1 AND is_owner <> 0 LIMIT 1";
    static const char GRANTED[] =
        "SELECT a.name FROM account a JOIN access_grant g ON g.account_id = a.id WHERE a.id > 0"
        " AND a.id <> ?1 AND g.effect = 1 AND g.actions & ?2 <> 0 AND (g.org_id IS NULL OR g.org_id = ?3)"
        " LIMIT 1";
    struct query *query = db_query(tx->db, OWNER);
    enum status rc;

    *out = NULL;
    db_bind_int(query, 1, account_id);
    if ((rc = db_next_row(query, err)) == STATUS_NOT_FOUND) {
        query = db_query(tx->db, GRANTED);
        db_bind_int(query, 1, account_id);
        db_bind_int(query, 2, EXCEPTION_APPROVE);
        db_bind_int(query, 3, org_id);
        rc = db_next_row(query, err);
    }
    if (!rc)
        *out = arena_copy(arena, db_text(query, 0));
    db_reset(query);
    return reading_list_end(rc);
}

/* Nobody approves what he asked for himself, whichever of his tokens he uses. */
static enum status check_own(struct transaction *tx, struct deciding *deciding, int64_t id,
                             bool *is_own, struct error *err)
{
    const struct decision *decision = deciding->decision;
    int64_t account_id = decision->actor->principal->account_id;
    const char *other;
    enum status rc;

    if ((rc = asks_himself(tx, id, account_id, is_own, err)) || !*is_own)
        return rc;
    if ((rc = find_other(tx, decision->org_id, account_id, deciding->arena, &other, err)))
        return rc;
    if (other && !decision->alone)
        return fail(err, STATUS_FORBIDDEN, "own-request",
                    "you asked for this yourself, and nobody approves his own request: ask %s", other);
    if (other)
        return fail(err, STATUS_FORBIDDEN, "not-alone", "you are not alone: %s may decide this, ask there", other);
    if (!decision->alone)
        return fail(err, STATUS_FORBIDDEN, "own-request",
                    "you asked for this yourself. Nobody else may approve here, so say --alone; it is kept in "
                    "the audit log");
    return STATUS_OK;
}

enum status request_bytes(const char *facts, struct arena *arena, const char **out,
                          struct error *err)
{
    struct strbuf bytes;
    enum status rc;

    strbuf_init(&bytes, arena, TEXT_MAX);
    for (const char *line = facts; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        struct facts read;

        if ((rc = facts_read(line, strcspn(line, "\n"), arena, &read, err)))
            return rc;
        for (size_t i = 0; i < FACTS_DIGESTS_MAX && read.digests[i]; i++)
            strbuf_format(&bytes, "%s %s\n", read.file ? read.file : "-", read.digests[i]);
    }
    *out = bytes.data;
    return strbuf_failed(&bytes) ? fail(err, STATUS_TOO_LARGE, "", "the version has too many files") : STATUS_OK;
}

static enum status check_rules(struct deciding *deciding, struct error *err)
{
    const struct decision *decision = deciding->decision;
    const struct exception *exception = &decision->exception;
    const struct request_entry *request = &deciding->request;
    const char *word;

    if ((word = first_word(exception->rules, request->rules, false, deciding->arena)))
        return fail(err, STATUS_INVALID, "invalid-value", "%s is no rule that holds it back: %s", word,
                    request->rules);
    word = first_word(exception->rules, request->grave, true, deciding->arena);
    if (word && !decision->is_security)
        return fail(err, STATUS_FORBIDDEN, "needs-security",
                    "%s says that the bytes are not what they should be: only the role security clears it", word);
    if (word && exception->scope != SCOPE_VERSION)
        return fail(err, STATUS_FORBIDDEN, "needs-security",
                    "%s says that the bytes are not what they should be: it is cleared for one version alone", word);
    return STATUS_OK;
}

static enum status check_range(struct deciding *deciding, struct error *err)
{
    const struct exception *exception = &deciding->decision->exception;
    const struct request_entry *request = &deciding->request;
    const struct package_pattern *pattern;
    enum status rc;

    if ((rc = package_pattern_parse(exception_pattern(exception, deciding->arena), deciding->arena, &pattern, err)))
        return rc;
    if (!package_pattern_matches(pattern, request->format, request->name, request->version))
        return fail(err, STATUS_INVALID, "invalid-value", "%s does not take in %s, which was asked for",
                    exception->wanted, request->version);
    return STATUS_OK;
}

static enum status make_exception(struct deciding *deciding, bool is_own, struct error *err)
{
    struct decision *decision = deciding->decision;
    const struct request_entry *request = &deciding->request;
    struct exception *exception = &decision->exception;
    enum status rc;

    *exception = (struct exception){
        .format = request->format,
        .name = request->name,
        .name_fold = request->name_fold,
        .scope = decision->scope,
        .wanted = decision->scope == SCOPE_VERSION ? request->version
                  : decision->scope == SCOPE_RANGE ? decision->range
                                                   : "",
        .rules = decision->rules ? decision->rules : request->rules,
        .bytes = "",
        .comment = decision->comment,
        .is_alone = is_own,
        .not_after_us = decision->not_after_us,
    };
    if (decision->scope == SCOPE_VERSION &&
        (rc = request_bytes(request->facts, deciding->arena, &exception->bytes, err)))
        return rc;
    if ((rc = check_rules(deciding, err)))
        return rc;
    return decision->scope == SCOPE_RANGE ? check_range(deciding, err) : STATUS_OK;
}

static enum status update(struct transaction *tx, const struct deciding *deciding, int64_t id,
                          struct error *err)
{
    static const char DECIDE[] = "UPDATE request SET state = ?2, decided_us = ?3, decided_by = ?4,"
                                 " comment = ?5, exception_id = ?6 WHERE id = ?1 AND state = 1";
    const struct decision *decision = deciding->decision;
    struct query *query = db_query(tx->db, DECIDE);

    db_bind_int(query, 1, id);
    db_bind_int(query, 2, decision->approves ? REQUEST_APPROVED : REQUEST_DENIED);
    db_bind_int(query, 3, tx->now_us);
    db_bind_int(query, 4, decision->actor->principal->account_id);
    db_bind_text(query, 5, decision->comment);
    if (decision->approves)
        db_bind_int(query, 6, decision->exception.id);
    else
        db_bind_null(query, 6);
    return db_run(query, err);
}

static enum status record(struct transaction *tx, const struct deciding *deciding, struct error *err)
{
    const struct decision *decision = deciding->decision;
    const struct request_entry *request = &deciding->request;
    struct strbuf detail;
    char target[32];

    strbuf_init(&detail, deciding->arena, TEXT_MAX);
    strbuf_text(&detail, "{\"package\":");
    strbuf_json(&detail, request->name);
    strbuf_format(&detail, ",\"format\":\"%s\",\"version\":", format_name(request->format));
    strbuf_json(&detail, request->version);
    strbuf_text(&detail, ",\"comment\":");
    strbuf_json(&detail, decision->comment);
    if (decision->approves)
        strbuf_format(&detail, ",\"exception\":%" PRId64 ",\"alone\":%s", decision->exception.number,
                      decision->exception.is_alone ? "true" : "false");
    strbuf_char(&detail, '}');
    snprintf(target, sizeof target, "%" PRId64, request->number);
    return tx_record(tx, decision->actor, decision->org_id,
                     decision->approves ? "request.approved" : "request.denied", target, detail.data, err);
}

enum { COVERED_MAX = 1000 };

/* An open request of the same name. */
struct open_request {
    int64_t id;
    struct request_entry entry;
};

static enum status list_open(struct transaction *tx, const struct deciding *deciding,
                             struct open_request **out, size_t *count, struct error *err)
{
    static const char OPEN[] = "SELECT id, number, version, rules, grave FROM request WHERE org_id = ?1"
                               " AND format = ?2 AND name_fold = ?3 AND state = 1 ORDER BY version LIMIT ?4";
    const struct request_entry *request = &deciding->request;
    struct query *query = db_query(tx->db, OPEN);
    enum status rc;

    *count = 0;
    *out = arena_array(deciding->arena, COVERED_MAX, sizeof **out);
    db_bind_int(query, 1, deciding->decision->org_id);
    db_bind_int(query, 2, request->format);
    db_bind_text(query, 3, request->name_fold);
    db_bind_int(query, 4, COVERED_MAX);
    while (!(rc = db_next_row(query, err))) {
        struct open_request *open = &(*out)[(*count)++];

        open->id = db_int(query, 0);
        open->entry = *request;
        open->entry.number = db_int(query, 1);
        open->entry.version = arena_copy(deciding->arena, db_text(query, 2));
        open->entry.rules = arena_copy(deciding->arena, db_text(query, 3));
        open->entry.grave = arena_copy(deciding->arena, db_text(query, 4));
    }
    db_reset(query);
    return reading_list_end(rc);
}

/* Whether nothing holds it any more by what it was asked for. */
static bool is_cleared(const struct deciding *deciding, const struct package_pattern *pattern,
                       const struct request_entry *entry)
{
    return !*entry->grave &&
           !first_word(entry->rules, deciding->decision->exception.rules, false, deciding->arena) &&
           package_pattern_matches(pattern, entry->format, entry->name, entry->version);
}

/* What is let through by a range or a name needs no decision of its own. His own requests stay open, for
 * somebody else to decide. */
static enum status decide_covered(struct transaction *tx, struct deciding *deciding, struct error *err)
{
    struct decision *decision = deciding->decision;
    int64_t account_id = decision->actor->principal->account_id;
    const struct package_pattern *pattern;
    struct open_request *open;
    size_t count;
    bool is_own;
    enum status rc;

    if ((rc = list_open(tx, deciding, &open, &count, err)) ||
        (rc = package_pattern_parse(exception_pattern(&decision->exception, deciding->arena), deciding->arena,
                                    &pattern, err)))
        return rc;
    decision->covered = arena_array(deciding->arena, count + 1, sizeof *decision->covered);
    for (size_t i = 0; i < count; i++) {
        struct deciding other = {decision, open[i].entry, deciding->arena};

        if (!is_cleared(deciding, pattern, &open[i].entry))
            continue;
        if ((rc = asks_himself(tx, open[i].id, account_id, &is_own, err)))
            return rc;
        if (is_own && !decision->exception.is_alone)
            continue;
        if ((rc = update(tx, &other, open[i].id, err)) || (rc = record(tx, &other, err)))
            return rc;
        decision->covered[decision->covered_count++] = open[i].entry.number;
    }
    return STATUS_OK;
}

static enum status decide(struct transaction *tx, void *argument, struct error *err)
{
    struct deciding *deciding = argument;
    struct decision *decision = deciding->decision;
    struct request_entry *request = &deciding->request;
    bool is_own = false;
    int64_t id;
    enum status rc;

    if ((rc = tx_find_request(tx, decision->org_id, decision->number, deciding->arena, request, &id, err)))
        return rc;
    if (request->state != REQUEST_OPEN)
        return fail(err, STATUS_CONFLICT, "request-decided", "%s has %s the request %" PRId64 " already",
                    request->decided_by, request_state_name(request->state), request->number);
    if (decision->approves && ((rc = check_own(tx, deciding, id, &is_own, err)) ||
                               (rc = make_exception(deciding, is_own, err)) ||
                               (rc = tx_add_exception(tx, decision->actor, decision->org_id,
                                                      &decision->exception, err))))
        return rc;
    if ((rc = update(tx, deciding, id, err)) || (rc = record(tx, deciding, err)))
        return rc;
    return decision->approves && decision->scope != SCOPE_VERSION ? decide_covered(tx, deciding, err) : STATUS_OK;
}

enum status catalog_decide_request(struct catalog *catalog, struct decision *decision,
                                   struct arena *arena, struct error *err)
{
    struct deciding deciding = {.decision = decision, .arena = arena};

    if (!decision->comment || !*decision->comment || strlen(decision->comment) > EXCEPTION_COMMENT_MAX)
        return fail(err, STATUS_INVALID, "invalid-value", "a decision needs a comment, of at most %d bytes",
                    EXCEPTION_COMMENT_MAX);
    return writer_run(catalog_writer(catalog), decide, &deciding, NULL, 0, err);
}
