/* What is new in a version that was asked for, against the last one that comes in: access spec C4. */
#include "server/admin/admin.h"
#include "server/admin/exchange.h"
#include "server/admin/held.h"
#include "server/admin/reviewed_pair.h"

#include "protocols/http/package_document.h"
#include "protocols/review/release_diff.h"
#include "server/routes.h"
#include "storage/memory/arena.h"
#include "storage/mirror/mirror.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    FILES_DEFAULT = 200,
    FILES_MAX = 2000,
    ITEMS_SHOWN = 200,     /* of each list */
    TEXT_SHOWN = 2000,     /* bytes of one value */
    ROOM = 6 << 20,        /* what an answer may take; the rest is counted */
};

struct review {
    struct request *req;
    const struct request_entry *entry;
    struct reviewed_pair pair;
    struct release after, before;
    struct release_diff diff;
    size_t files_shown;
    struct strbuf *out;
};

static const struct review_format *find_format(enum format format)
{
    for (size_t i = 0; review_formats[i]; i++)
        if (review_formats[i]->format == format)
            return review_formats[i];
    return NULL;
}

static bool has_before(const struct review *review)
{
    return review->pair.before_file && !review->before.broken;
}

static void write_cut(struct review *review, const char *name, const char *text)
{
    if (text && strlen(text) > TEXT_SHOWN)
        text = arena_format(review->req->arena, "%.*s …", TEXT_SHOWN, text);
    write_text(review->out, name, text);
}

static void write_finding(struct review *review, const char *of, const char *code, const char *says)
{
    if (!says)
        return;
    write_open(review->out, NULL, '{');
    write_text(review->out, "of", of);
    write_text(review->out, "code", code);
    write_text(review->out, "says", says);
    write_close(review->out, '}');
}

static void write_findings_of(struct review *review, const char *of, const char *file,
                              const struct release *release)
{
    struct arena *arena = review->req->arena;

    write_finding(review, of, release->broken_code, release->broken);
    write_finding(review, of, "manifest-odd",
                  release->odd ? arena_format(arena, "of %s not everything can be told: %s", file, release->odd)
                               : NULL);
    write_finding(review, of, "path-twice",
                  release->doubled ? arena_format(arena, "%s has %zu paths more than once; of each the last file counts",
                                                  file, release->doubled)
                                   : NULL);
}

static void write_findings(struct review *review)
{
    write_open(review->out, "findings", '[');
    write_findings_of(review, "new", review->pair.file, &review->after);
    if (review->pair.before_file)
        write_findings_of(review, "old", review->pair.before_file, &review->before);
    write_close(review->out, ']');
}

static void write_counts(struct strbuf *out, const struct change_counts *counts)
{
    write_int(out, "added", (int64_t)counts->added);
    write_int(out, "removed", (int64_t)counts->removed);
    write_int(out, "changed", (int64_t)counts->changed);
    write_int(out, "same", (int64_t)counts->same);
}

static void write_file(struct strbuf *out, const struct file_change *change)
{
    const struct release_file *before = change->before, *after = change->after;
    const struct release_file *now = after ? after : before;

    write_open(out, NULL, '{');
    write_text(out, "change", change_name(change->change));
    write_text(out, "path", now->path);
    if (before)
        write_int(out, "old_size", (int64_t)before->size);
    if (after)
        write_int(out, "new_size", (int64_t)after->size);
    write_bool(out, "runs", (before && before->runs) || (after && after->runs));
    write_bool(out, "executable", (before && before->is_executable) || (after && after->is_executable));
    write_bool(out, "link", now->is_link);
    write_close(out, '}');
}

static void write_files(struct review *review)
{
    const struct release_diff *diff = &review->diff;
    struct strbuf *out = review->out;
    size_t shown = 0;

    write_open(out, "files", '{');
    write_counts(out, &diff->file_counts);
    write_open(out, "items", '[');
    for (; shown < diff->file_count && shown < review->files_shown && out->length < ROOM; shown++)
        write_file(out, &diff->files[shown]);
    write_close(out, ']');
    write_int(out, "rest", (int64_t)(diff->file_count - shown));
    write_close(out, '}');
}

static void write_item(struct review *review, const struct item_change *change)
{
    const struct release_item *before = change->before, *after = change->after;
    const struct release_item *now = after ? after : before;
    struct strbuf *out = review->out;

    write_open(out, NULL, '{');
    write_text(out, "change", change_name(change->change));
    write_text(out, "kind", now->kind);
    write_cut(review, "name", now->name);
    write_cut(review, "old", before ? before->value : NULL);
    write_cut(review, "new", after ? after->value : NULL);
    write_bool(out, "runs", (before && before->runs) || (after && after->runs));
    write_close(out, '}');
}

static void write_list(struct review *review, enum release_list list)
{
    const struct item_changes *changes = &review->diff.lists[list];
    struct strbuf *out = review->out;
    size_t shown = 0;

    write_open(out, release_list_name(list), '{');
    write_counts(out, &changes->counts);
    write_open(out, "items", '[');
    for (; shown < changes->count && shown < ITEMS_SHOWN && out->length < ROOM; shown++)
        write_item(review, &changes->items[shown]);
    write_close(out, ']');
    write_int(out, "rest", (int64_t)(changes->count - shown));
    write_close(out, '}');
}

/* null: nobody knows, for the archive was not read to its end. */
static void write_size(struct review *review, const char *name, int64_t before, int64_t after)
{
    struct strbuf *out = review->out;

    write_open(out, name, '{');
    if (has_before(review))
        write_int(out, "old", before);
    if (!review->after.broken)
        write_int(out, "new", after);
    write_close(out, '}');
}

static void write_against(struct review *review)
{
    const struct reviewed_pair *pair = &review->pair;
    struct strbuf *out = review->out;

    if (!pair->before_file) {
        write_text(out, "against", NULL);
        return;
    }
    write_open(out, "against", '{');
    write_text(out, "version", pair->before_version);
    write_text(out, "file", pair->before_file);
    write_text(out, "by", pair->exception ? "exception" : "policy");
    if (pair->exception)
        write_int(out, "exception", pair->exception);
    write_close(out, '}');
}

/* What a reader must know before he reads the lists. */
static const char *say(const struct review *review)
{
    const struct reviewed_pair *pair = &review->pair;
    struct arena *arena = review->req->arena;

    if (review->after.broken)
        return arena_format(arena, "%s cannot be compared with anything: see the findings", pair->file);
    if (!pair->before_file)
        return "Nothing of it was approved before, so that all of it is new";
    if (review->before.broken)
        return arena_format(arena, "%s cannot be read, so that all of %s is shown as new", pair->before_file,
                            pair->file);
    return NULL;
}

static enum status answer(struct review *review, struct response *res)
{
    const struct request_entry *entry = review->entry;
    struct request *req = review->req;
    struct strbuf out;

    review->out = &out;
    write_begin(&out, req);
    write_open(&out, NULL, '{');
    write_int(&out, "request", entry->number);
    write_package(req, &out, entry->format, entry->name, entry->version);
    write_text(&out, "file", review->pair.file);
    write_open(&out, "other_files", '[');
    for (size_t i = 0; i < review->pair.other_count; i++)
        write_text(&out, NULL, review->pair.others[i]);
    write_close(&out, ']');
    write_against(review);
    write_text(&out, "says", say(review));
    write_findings(review);
    write_size(review, "archive_bytes", review->before.archive_bytes, review->after.archive_bytes);
    write_size(review, "unpacked_bytes", review->before.unpacked_bytes, review->after.unpacked_bytes);
    for (int list = 0; list < RELEASE_LISTS; list++)
        write_list(review, (enum release_list)list);
    write_files(review);
    write_close(&out, '}');
    return admin_respond(req, res, 200, &out);
}

static enum status compare(struct review *review, const struct review_format *format,
                           const struct verdict_subject *subject, const struct mirror_document *document)
{
    static const struct release unread;
    const struct reviewed_pair *pair = &review->pair;
    struct request *req = review->req;
    bool is_read;
    enum status rc;

    if ((rc = format->read(req, subject, document, pair->version, pair->file, &review->after)))
        return rc;
    if (pair->before_file && (rc = format->read(req, subject, document, pair->before_version,
                                                pair->before_file, &review->before)))
        return rc;
    is_read = !review->after.broken;
    release_compare(is_read && has_before(review) ? &review->before : NULL, is_read ? &review->after : &unread,
                    req->arena, &review->diff);
    return STATUS_OK;
}

/* As for whoever asked: of the repository that he asked for. */
static enum status look(struct review *review, const char *file)
{
    const struct request_entry *entry = review->entry;
    const struct purl purl = {entry->format, entry->name, entry->version, NULL};
    const struct review_format *format = find_format(entry->format);
    const struct mirror_document *document = NULL;
    struct request *req = review->req;
    struct verdict_subject subject;
    struct home home;
    bool is_about;
    enum status rc;

    if ((rc = package_document_home(req, entry->format, entry->name, entry->name, &home, &document)))
        return rc == STATUS_NOT_FOUND
                   ? fail(&req->error, rc, "no-such-package", "nobody has %s any more", entry->name)
                   : rc;
    if (!format || (home.kind != HOME_UPSTREAM && home.kind != HOME_LOCAL)) {
        rc = fail(&req->error, STATUS_NOT_FOUND, "no-such-package", "nobody has %s any more", entry->name);
        goto done;
    }
    subject = verdict_subject_at(admin_verdict_format(entry->format), &home, entry->name);
    if ((rc = policy_is_about(req, &subject, &is_about, &req->error)))
        goto done;
    if (!is_about)
        rc = fail(&req->error, STATUS_CONFLICT, "not-held", "policy holds nothing of %s back by now",
                  entry->name);
    else if (!(rc = reviewed_pair_find(req, format, &subject, &purl, file, &review->pair)))
        rc = compare(review, format, &subject, document);
done:
    if (document)
        mirror_release_document(document);
    return rc;
}

static enum status read_files_shown(struct request *req, size_t *out)
{
    const char *text = request_query(req, "files");
    char *end;
    long number;

    *out = FILES_DEFAULT;
    if (!text)
        return STATUS_OK;
    number = strtol(text, &end, 10);
    if (!*text || *end || number < 1 || number > FILES_MAX)
        return admin_invalid(req, "files", "from 1 to %d", FILES_MAX);
    *out = (size_t)number;
    return STATUS_OK;
}

/* It has archives fetched that policy holds, so it is for those who decide or read policy. That they are
 * here allows nothing: every route that gives bytes asks for their verdict. */
enum status admin_diff_request(struct request *req, struct response *res)
{
    struct request_entry entry;
    struct review review_of = {.req = req, .entry = &entry};
    struct repository repository;
    struct org org;
    bool sees_all;
    enum status rc;

    if ((rc = admin_find_request(req, &org, &sees_all, &entry)))
        return rc;
    if (!sees_all)
        return gate_forbidden(req, EXCEPTION_APPROVE, org.name);
    if ((rc = read_files_shown(req, &review_of.files_shown)) ||
        (rc = admin_repository(req, entry.repository, &repository)))
        return rc;
    req->repository = &repository;
    rc = look(&review_of, request_query(req, "file"));
    req->repository = NULL;
    return rc ? rc : answer(&review_of, res);
}
