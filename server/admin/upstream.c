#include "server/admin/admin.h"
#include "server/admin/exchange.h"

#include "config/clock.h"
#include "config/settings.h"
#include "storage/catalog/upstream_answer.h"
#include "storage/memory/arena.h"
#include "storage/mirror/mirror.h"
#include "storage/remote/address.h"

#include <string.h>
#include <strings.h>

static void write_list(struct strbuf *out, const char *name, const char *const *texts)
{
    size_t count = 0;

    while (texts && texts[count])
        count++;
    write_texts(out, name, texts, count);
}

/* How it has done since the server started. The texts are the visited numbers' own. */
struct doing {
    struct arena *arena;
    bool was_asked;
    struct mirror_stats stats;
    const char *last_error;
    int64_t last_error_us;
};

static void see(void *context, const struct mirror_stats *stats)
{
    struct doing *doing = context;

    doing->was_asked = true;
    doing->stats = *stats;
    /* The breaker knows of attempts that were made good by another one, and the mirror of answers that
     * came and were of no use. */
    if (stats->breaker.last_error_us > stats->last_error_us) {
        doing->last_error = arena_copy(doing->arena, stats->breaker.last_error);
        doing->last_error_us = stats->breaker.last_error_us;
    } else if (stats->last_error_us) {
        doing->last_error = arena_copy(doing->arena, stats->last_error);
        doing->last_error_us = stats->last_error_us;
    }
}

static const char *state_of(const struct upstream *upstream, const struct doing *doing)
{
    if (upstream->is_offline)
        return "offline";
    if (!doing->was_asked)
        return "not-asked";
    switch (doing->stats.breaker.state) {
    case BREAKER_OPEN: return "left-alone";
    case BREAKER_TRYING: return "trying";
    default: return "up";
    }
}

static void write_doing(struct strbuf *out, const struct request *req, const struct upstream *upstream)
{
    struct doing doing = {.arena = req->arena};
    const struct mirror_stats *stats = &doing.stats;
    uint64_t hits, all;

    if (req->service->mirror)
        mirror_visit_stats(req->service->mirror, upstream->id, see, &doing);
    hits = stats->document_hits + stats->file_hits;
    all = hits + stats->document_misses + stats->file_misses;
    write_text(out, "state", state_of(upstream, &doing));
    write_text(out, "last_error", doing.last_error);
    write_time(out, "last_error_at", doing.last_error_us);
    write_time(out, "last_success_at", stats->last_success_us);
    write_int(out, "requests", (int64_t)stats->requests);
    write_int(out, "errors", (int64_t)stats->errors);
    if (all)
        write_int(out, "hits_percent", (int64_t)(hits * 100 / all));
    else
        write_json(out, "hits_percent", NULL);
}

/* How old what is kept of it is. */
static enum status write_age(struct strbuf *out, struct request *req, const struct upstream *upstream)
{
    int64_t fresh_us = req->service->settings->upstream_fresh_ms * 1000;
    struct upstream_age age;
    enum status rc;

    if ((rc = catalog_find_upstream_age(req->service->catalog, upstream, clock_now_us() - fresh_us, &age,
                                        &req->error)))
        return rc;
    write_int(out, "documents", age.documents);
    write_int(out, "stale_documents", age.stale);
    write_time(out, "oldest_checked_at", age.oldest_us);
    write_time(out, "newest_checked_at", age.newest_us);
    write_int(out, "answers", age.answers);
    return STATUS_OK;
}

/* npm's alone have keys. */
static void write_keys(struct strbuf *out, const struct request *req, const struct upstream *upstream)
{
    struct upstream_answer keys = {0};

    if (upstream->format == FORMAT_NPM &&
        catalog_find_upstream_answer(req->service->catalog, upstream, UPSTREAM_KEYS_PATH, req->arena, &keys, NULL))
        keys = (struct upstream_answer){0};
    write_time(out, "keys_changed_at", keys.changed_us);
}

static void write_upstream(struct strbuf *out, struct request *req, const struct upstream *upstream)
{
    write_open(out, NULL, '{');
    write_text(out, "name", upstream->name);
    write_text(out, "format", format_name(upstream->format));
    write_text(out, "url", upstream->url);
    write_list(out, "names", upstream->names);
    write_list(out, "file_hosts", upstream->file_hosts);
    write_bool(out, "may_be_private", upstream->may_be_private);
    write_bool(out, "offline", upstream->is_offline);
    write_time(out, "created_at", upstream->created_us);
    write_keys(out, req, upstream);
    write_doing(out, req, upstream);
}

static enum status respond_upstream(struct request *req, struct response *res, int code,
                                    const struct upstream *upstream)
{
    struct strbuf out;

    enum status rc;

    write_begin(&out, req);
    write_upstream(&out, req, upstream);
    if ((rc = write_age(&out, req, upstream)))
        return rc;
    write_close(&out, '}');
    return admin_respond(req, res, code, &out);
}

/* The :upstream of the path. */
static enum status find_upstream(struct request *req, struct upstream *out)
{
    struct org org;
    enum status rc;

    if ((rc = admin_org(req, &org)))
        return rc;
    return catalog_find_upstream(req->service->catalog, org.id, request_param(req, "upstream"),
                                 req->arena, out, &req->error);
}

static enum status read_change(struct request *req, const struct json *body,
                               struct upstream_change *out, const char **repository)
{
    const char *format;
    size_t count;
    enum status rc;

    if ((rc = admin_need_text(req, body, "repository", repository)) ||
        (rc = admin_need_text(req, body, "format", &format)) ||
        (rc = admin_need_text(req, body, "url", &out->url)) ||
        (rc = admin_get_text(req, body, "name", &out->name)) ||
        (rc = admin_get_texts(req, body, "names", &out->names, &count)) ||
        (rc = admin_get_texts(req, body, "file_hosts", &out->file_hosts, &count)) ||
        (rc = admin_get_text(req, body, "credential", &out->credential)) ||
        (rc = admin_get_text(req, body, "credential_file", &out->credential_file)))
        return rc;
    if (!(out->format = admin_format(format)))
        return admin_invalid(req, "format", "\"npm\" or \"pypi\", not \"%s\"", format);
    return STATUS_OK;
}

/* One's own address would be asked for what one has not got, without end. */
static enum status check_is_elsewhere(struct request *req, const char *url)
{
    const char *own = req->service->public_url;
    size_t length = strlen(own);

    if (strncmp(url, own, length) || (url[length] && url[length] != '/'))
        return STATUS_OK;
    return fail(&req->error, STATUS_INVALID, "upstream-loop", "%s is this server itself, which cannot be its own upstream", own);
}

/* A name is looked up only when it is asked, and judged then. */
static bool is_private(struct request *req, const char *url)
{
    const char *host = strstr(url, "://") ? strstr(url, "://") + 3 : url;
    bool has_bracket = *host == '[';
    size_t length = has_bracket ? strcspn(++host, "]") : strcspn(host, ":/");
    struct address address;

    host = arena_copy_bytes(req->arena, host, length);
    return !strcasecmp(host, "localhost") || (address_parse(host, &address) && address_is_private(&address));
}

/* DESIGN 4: whoever owns the instance may name a host in his own network, and a file of his machine,
 * which an org's administrator could have sent to himself. */
static enum status check_trust(struct request *req, struct upstream_change *change)
{
    change->may_be_private = access_allows_instance(req->principal);
    if (!change->may_be_private && is_private(req, change->url))
        return fail(&req->error, STATUS_FORBIDDEN, "",
                    "only the owner of the instance may name a host with a private address");
    if (change->credential_file && !change->may_be_private)
        return fail(&req->error, STATUS_FORBIDDEN, "",
                    "only the owner of the instance may name a credential file on its machine");
    return STATUS_OK;
}

enum status admin_add_upstream(struct request *req, struct response *res)
{
    static const char *const members[] = {"repository", "format",     "url",        "name",
                                          "names",      "file_hosts", "credential", "credential_file"};
    struct upstream_change change = {0};
    struct actor actor = admin_actor(req);
    struct repository repository;
    struct upstream upstream;
    const char *name;
    struct json *body;
    enum status rc;

    if ((rc = admin_body(req, members, 8, &body)))
        goto done;
    if ((rc = read_change(req, body, &change, &name)) || (rc = admin_repository(req, name, &repository)) ||
        (rc = check_is_elsewhere(req, change.url)) || (rc = check_trust(req, &change)))
        goto done;
    if ((rc = catalog_add_upstream(req->service->catalog, &actor, &repository, &change, &upstream,
                                   req->arena, &req->error)))
        goto done;
    response_header_format(req, res, "Location", "/api/v1/orgs/%s/upstreams/%s", repository.org,
                           upstream.name);
    rc = respond_upstream(req, res, 201, &upstream);
done:
    json_free(body);
    return rc;
}

enum status admin_list_upstreams(struct request *req, struct response *res)
{
    struct upstream *upstreams;
    struct page page;
    struct strbuf out;
    struct org org;
    size_t count;
    enum status rc;

    if ((rc = admin_org(req, &org)) || (rc = admin_page(req, false, &page)))
        return rc;
    if ((rc = catalog_list_upstreams(req->service->catalog, org.id, page.after, page.limit + 1,
                                     req->arena, &upstreams, &count, &req->error)))
        return rc;
    write_begin(&out, req);
    write_open(&out, NULL, '{');
    write_open(&out, "items", '[');
    for (size_t i = 0; i < count && i < page.limit; i++) {
        write_upstream(&out, req, &upstreams[i]);
        write_close(&out, '}');
    }
    write_next(&out, count > page.limit ? upstreams[page.limit - 1].name : NULL);
    return admin_respond(req, res, 200, &out);
}

enum status admin_get_upstream(struct request *req, struct response *res)
{
    struct upstream upstream;
    enum status rc;

    if ((rc = find_upstream(req, &upstream)))
        return rc;
    return respond_upstream(req, res, 200, &upstream);
}

enum status admin_set_upstream(struct request *req, struct response *res)
{
    static const char *const members[] = {"offline"};
    struct actor actor = admin_actor(req);
    struct upstream upstream;
    bool is_offline;
    struct json *body;
    enum status rc;

    if ((rc = admin_body(req, members, 1, &body)) || (rc = find_upstream(req, &upstream)))
        goto done;
    is_offline = upstream.is_offline;
    if ((rc = admin_get_bool(req, body, "offline", &is_offline)))
        goto done;
    if (is_offline != upstream.is_offline &&
        (rc = catalog_set_upstream_offline(req->service->catalog, &actor, &upstream, is_offline,
                                           &req->error)))
        goto done;
    upstream.is_offline = is_offline;
    rc = respond_upstream(req, res, 200, &upstream);
done:
    json_free(body);
    return rc;
}

enum status admin_remove_upstream(struct request *req, struct response *res)
{
    struct actor actor = admin_actor(req);
    struct upstream upstream;
    enum status rc;

    if ((rc = find_upstream(req, &upstream)) ||
        (rc = catalog_remove_upstream(req->service->catalog, &actor, &upstream, &req->error)))
        return rc;
    return respond_empty(req, res, 204);
}

enum status admin_refresh_upstream(struct request *req, struct response *res)
{
    struct upstream upstream;
    enum status rc;

    if ((rc = find_upstream(req, &upstream)))
        return rc;
    if (req->service->mirror)
        mirror_forget(req->service->mirror, upstream.id);
    catalog_renew_homes(req->service->catalog, upstream.org_id);
    return respond_upstream(req, res, 200, &upstream);
}
