#include "server/auth/gate.h"

#include "config/log.h"
#include "protocols/http/response.h"
#include "protocols/http/route.h"
#include "server/auth/credential.h"
#include "storage/catalog/quota.h"
#include "storage/memory/arena.h"
#include "storage/memory/stream.h"

#include <stdio.h>
#include <string.h>

static void challenge(struct request *req, struct response *res, bool token_was_bad)
{
    static const char basic[] = "Basic realm=\"packhouse\", charset=\"UTF-8\"";

    switch (req->mount->challenge) {
    case CHALLENGE_BASIC: response_header(req, res, "WWW-Authenticate", basic); return;
    case CHALLENGE_BOTH:
        response_header_format(req, res, "WWW-Authenticate", "%s, Bearer realm=\"packhouse\"",
                               basic);
        return;
    case CHALLENGE_NONE:
        /* npm hides our sentence behind its own where it finds a challenge (npm spec 4.3), and its
         * own is the better one only for a token that has died. */
        if (token_was_bad)
            response_header(req, res, "WWW-Authenticate", "Bearer realm=\"packhouse\"");
        return;
    }
}

/* A credential that is there must be good, also where none is needed: a token that has died without
 * a word is a riddle to its user. */
static enum status authenticate(struct request *req, struct response *res)
{
    const char *token;
    struct error why = {0};

    switch (credential_of(req, &token)) {
    case CREDENTIAL_NONE: req->principal = &principal_anonymous; return STATUS_OK;
    case CREDENTIAL_BAD:
        fail(&why, STATUS_UNAUTHENTICATED, "", "no token in the Authorization header");
        break;
    case CREDENTIAL_TOKEN:
        if (!access_authenticate(req->service->catalog, token, req->arena, &req->principal, &why))
            return STATUS_OK;
        if (why.status != STATUS_UNAUTHENTICATED) {
            req->error = why;
            return why.status;
        }
        break;
    }
    req->principal = &principal_anonymous;
    log_event(LOG_DEBUG, "request.unauthenticated", "request=%s reason=\"%s\"", req->id,
              why.message);
    challenge(req, res, true);
    return fail(&req->error, STATUS_UNAUTHENTICATED, "invalid-token",
                "the token is not valid, or no longer: get a new one and sign in again");
}

static bool is_anonymous(const struct request *req)
{
    return req->principal->account_id == 0 && !req->principal->is_owner;
}

static enum status needs_sign_in(struct request *req, struct response *res)
{
    challenge(req, res, false);
    return fail(&req->error, STATUS_UNAUTHENTICATED, "", "this needs a token that is allowed to");
}

enum status gate_forbidden(struct request *req, enum action action, const char *what)
{
    return fail(&req->error, STATUS_FORBIDDEN, "", "%s may not do this: %s on %s is missing",
                req->principal->name, action_name(action), what);
}

enum status gate_no_repository(struct request *req, const char *path)
{
    if (req->mount->stranger_gets_403)
        return fail(&req->error, STATUS_FORBIDDEN, "",
                    "there is no repository %s that this token may read", path);
    return fail(&req->error, STATUS_NOT_FOUND, "no-such-repository", "there is no repository %s",
                path);
}

enum status gate_no_org(struct request *req, const char *org)
{
    return fail(&req->error, STATUS_NOT_FOUND, "no-such-org", "there is no org %s", org);
}

/* The package that the path names, as globs see it; NULL where it names none. */
static const char *package_of(struct request *req, bool *is_impossible)
{
    const struct mount *mount = req->mount;
    const char *name = request_param(req, "package");

    *is_impossible = false;
    if (name && mount->normalize_package) {
        name = mount->normalize_package(req->arena, name);
        *is_impossible = !name;
    }
    return name && mount->format ? arena_format(req->arena, "%s:%s", mount->format, name) : name;
}

static enum status check_repository(struct request *req, struct response *res, enum action action)
{
    const char *org = request_param(req, "org"), *repo = request_param(req, "repo"), *package;
    struct repository *repository = arena_alloc(req->arena, sizeof *repository);
    bool is_impossible;
    enum status rc;

    rc = catalog_find_repository(req->service->catalog, org, repo, req->arena, repository,
                                 &req->error);
    if (rc && rc != STATUS_NOT_FOUND && rc != STATUS_INVALID)
        return rc;
    package = package_of(req, &is_impossible);
    if (!rc && access_allows(req->principal, repository, package, action)) {
        req->repository = repository;
        return STATUS_OK;
    }
    if (is_anonymous(req))
        return needs_sign_in(req, res);
    if (rc || !access_sees(req->principal, repository))
        return gate_no_repository(req, arena_format(req->arena, "%s/%s", org, repo));
    req->repository = repository;
    if (action == REPO_READ && (package || is_impossible))
        return request_no_package(req);
    return gate_forbidden(req, action,
                          arena_format(req->arena, "%s/%s%s%s", org, repo,
                                       package ? ", package " : "", package ? package : ""));
}

/* An org that is full hears so before its body is read. */
static enum status check_publish(struct request *req, struct response *res)
{
    int64_t size = req->content_length > 0 ? req->content_length : 0;
    struct quota quota;
    enum status rc;

    if ((rc = check_repository(req, res, PKG_PUBLISH)))
        return rc;
    if ((rc = catalog_find_quota(req->service->catalog, req->repository->org_id, &quota, &req->error)))
        return rc;
    return quota_check(&quota, req->repository->org,
                       req->mount->bodies_are_base64 ? size / 4 * 3 : size, &req->error);
}

enum status gate_check_org(struct request *req, const char *org, enum action action)
{
    if (access_allows_org(req->principal, org, action))
        return STATUS_OK;
    if (access_sees_org(req->principal, org))
        return gate_forbidden(req, action, org);
    return gate_no_org(req, org);
}

static enum status check_org(struct request *req, struct response *res, enum action action)
{
    if (is_anonymous(req))
        return needs_sign_in(req, res);
    return gate_check_org(req, request_param(req, "org"), action);
}

static enum status check_access(struct request *req, struct response *res)
{
    switch (req->route->access) {
    case ANYONE: return STATUS_OK;
    case SIGNED_IN:
    case HANDLER_DECIDES: return is_anonymous(req) ? needs_sign_in(req, res) : STATUS_OK;
    case MAY_READ: return check_repository(req, res, REPO_READ);
    case MAY_PUBLISH: return check_publish(req, res);
    case MAY_TAG: return check_repository(req, res, PKG_TAG);
    case MAY_DELETE: return check_repository(req, res, PKG_DELETE);
    case MAY_ADMIN_REPOSITORY: return check_repository(req, res, REPO_ADMIN);
    case MAY_ADMIN_ORG: return check_org(req, res, ORG_ADMIN);
    case MAY_AUDIT: return check_org(req, res, AUDIT_READ);
    case MAY_READ_POLICY: return check_org(req, res, POLICY_READ);
    case MAY_WRITE_POLICY: return check_org(req, res, POLICY_WRITE);
    case MAY_APPROVE: return check_org(req, res, EXCEPTION_APPROVE);
    case MAY_ADMIN_INSTANCE:
        if (is_anonymous(req))
            return needs_sign_in(req, res);
        if (access_allows_instance(req->principal))
            return STATUS_OK;
        return fail(&req->error, STATUS_FORBIDDEN, "",
                    "only the owner of the instance may do this");
    case ACCESS_UNDECIDED: break;
    }
    return fail(&req->error, STATUS_INTERNAL, "", "a route does not say who may");
}

/* A body whose length was not told is counted as it comes. */
struct limited_reader {
    struct reader reader;
    struct reader *source;
    int64_t left, limit;
    const struct mount *mount;
};

/* Whoever publishes knows how large his file is, not what base64 makes of it (npm spec 3.6). */
static enum status too_large(struct error *err, const struct mount *mount, int64_t limit)
{
    if (mount->bodies_are_base64)
        return fail(err, STATUS_TOO_LARGE, "",
                    "the body is larger than %lld bytes, which is a tarball of %lld bytes in base64",
                    (long long)limit, (long long)limit / 4 * 3);
    return fail(err, STATUS_TOO_LARGE, "", "the body is larger than %lld bytes", (long long)limit);
}

static enum status limited_read(struct reader *base, void *buffer, size_t size, size_t *got,
                                struct error *err)
{
    struct limited_reader *reader = (struct limited_reader *)base;
    enum status rc;

    if ((rc = reader_read(reader->source, buffer, size, got, err)))
        return rc;
    reader->left -= (int64_t)*got;
    return reader->left < 0 ? too_large(err, reader->mount, reader->limit) : STATUS_OK;
}

/* Bodies that nobody reads are dropped behind the answer; this much of them is not worth a word. */
enum { UNASKED_BODY_MAX = 64 * 1024 };

static enum status check_size(struct request *req, struct response *res)
{
    const struct route *route = req->route;
    int64_t limit = route->body_max;
    struct limited_reader *reader;

    if (route->body_limit && !(limit = route->body_limit(req->service->settings)))
        limit = -1; /* a setting of 0 is no limit */
    if (limit < 0)
        return STATUS_OK;
    if (!limit)
        return req->content_length > UNASKED_BODY_MAX ? too_large(&req->error, req->mount, 0) : STATUS_OK;
    if (req->content_length > limit) {
        response_header_format(req, res, "Upload-Limit", "max-size=%lld", (long long)limit);
        return too_large(&req->error, req->mount, limit);
    }
    reader = arena_alloc(req->arena, sizeof *reader);
    *reader = (struct limited_reader){
        {limited_read, NULL},
        req->body, limit, limit, req->mount
    };
    req->body = &reader->reader;
    return STATUS_OK;
}

static bool takes_body(const struct route *route)
{
    return route->body_limit || route->body_max;
}

/* Without either header a PUT has no body (RFC 9112 6.3), and what was meant is lost. */
static enum status check_length(struct request *req)
{
    if (req->method != METHOD_PUT || req->content_length != 0 || !takes_body(req->route) ||
        request_header(req, "content-length"))
        return STATUS_OK;
    return fail(&req->error, STATUS_LENGTH_REQUIRED, "",
                "an upload needs Content-Length or a chunked body");
}

enum status gate_check(struct request *req, struct response *res)
{
    enum status rc;

    if ((rc = authenticate(req, res)))
        return rc;
    if ((rc = check_access(req, res)))
        return rc;
    if ((rc = check_length(req)))
        return rc;
    return check_size(req, res);
}
