#include "server/router.h"

#include "protocols/http/response.h"
#include "server/path.h"
#include "storage/memory/arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum piece_kind { PIECE_STATIC, PIECE_PARAM, PIECE_REST };

struct piece {
    enum piece_kind kind;
    const char *text; /* of a static one, or the parameter's name; ends at length */
    size_t length;
    bool joins; /* may be "@scope/name" in two segments */
};

enum { PIECES_MAX = 16 };

struct pattern {
    const struct mount *mount;
    const struct route *route; /* NULL: the mount's prefix alone */
    size_t count, prefix;      /* so many pieces; so many of them are the mount's */
    struct piece pieces[PIECES_MAX];
    const char *names[PIECES_MAX]; /* of the parameters, each with its NUL */
    size_t name_count;
};

struct router {
    struct arena *arena;
    struct pattern *patterns;
    size_t count;
    struct pattern *prefixes; /* one for each mount, those with most static pieces first */
    size_t prefix_count;
};

static const char *const methods[METHOD_COUNT + 1] = {
    [METHOD_GET] = "GET",           [METHOD_HEAD] = "HEAD",   [METHOD_PUT] = "PUT",
    [METHOD_POST] = "POST",         [METHOD_PATCH] = "PATCH", [METHOD_DELETE] = "DELETE",
    [METHOD_COUNT] = "this method", /* one that no route has, such as OPTIONS */
};

const char *method_name(enum method method)
{
    return methods[method];
}

static bool piece_is(const struct piece *piece, const char *name)
{
    return piece->kind != PIECE_STATIC && piece->length == strlen(name) &&
           !memcmp(piece->text, name, piece->length);
}

static enum status bad_pattern(struct error *err, const struct mount *mount, const char *text,
                               const char *why)
{
    return fail(err, STATUS_INTERNAL, "", "the route %s%s %s", mount->prefix, text, why);
}

/* Adds the pieces of text, "" or "/a/:b", to the pattern. */
static enum status parse_pieces(struct arena *arena, struct pattern *pattern, const char *text,
                                struct error *err)
{
    const struct mount *mount = pattern->mount;

    for (const char *at = text; *at;) {
        struct piece piece = {PIECE_STATIC, at + 1, strcspn(at + 1, "/"), false};

        if (*at != '/')
            return bad_pattern(err, mount, text, "does not begin with /");
        at += 1 + piece.length;
        if (!piece.length && !*at && piece.text == text + 1)
            break; /* "/" is the mount itself */
        if (*piece.text == ':' || *piece.text == '*') {
            piece.kind = *piece.text == ':' ? PIECE_PARAM : PIECE_REST;
            piece.text++;
            piece.length--;
        }
        if (!piece.length)
            return bad_pattern(err, mount, text, "has an empty segment or name");
        if (piece.kind == PIECE_REST && *at)
            return bad_pattern(err, mount, text, "goes on behind its rest");
        if (pattern->count == PIECES_MAX)
            return bad_pattern(err, mount, text, "has too many segments");
        if (piece.kind != PIECE_STATIC) {
            for (size_t i = 0; i < pattern->count; i++)
                if (piece.length == pattern->pieces[i].length &&
                    pattern->pieces[i].kind != PIECE_STATIC &&
                    !memcmp(piece.text, pattern->pieces[i].text, piece.length))
                    return bad_pattern(err, mount, text, "names a parameter twice");
            pattern->names[pattern->name_count++] =
                arena_copy_bytes(arena, piece.text, piece.length);
            piece.joins =
                mount->joins_scopes && (piece_is(&piece, "package") || piece_is(&piece, "file"));
        }
        pattern->pieces[pattern->count++] = piece;
    }
    return STATUS_OK;
}

static bool has_param(const struct pattern *pattern, const char *name)
{
    for (size_t i = 0; i < pattern->name_count; i++)
        if (!strcmp(pattern->names[i], name))
            return true;
    return false;
}

/* A row whose access asks about a repository or an org must have one in its path. */
static enum status check_access(const struct pattern *pattern, struct error *err)
{
    const char *text = pattern->route->pattern;
    bool has_org = has_param(pattern, "org");

    switch (pattern->route->access) {
    case MAY_READ:
    case MAY_PUBLISH:
    case MAY_TAG:
    case MAY_DELETE:
    case MAY_ADMIN_REPOSITORY:
        if (!has_org || !has_param(pattern, "repo"))
            return bad_pattern(err, pattern->mount, text, "has no :org and :repo to ask about");
        return STATUS_OK;
    case MAY_ADMIN_ORG:
    case MAY_AUDIT:
    case MAY_READ_POLICY:
    case MAY_WRITE_POLICY:
    case MAY_APPROVE:
        if (!has_org)
            return bad_pattern(err, pattern->mount, text, "has no :org to ask about");
        return STATUS_OK;
    case ANYONE:
    case SIGNED_IN:
    case MAY_ADMIN_INSTANCE:
    case HANDLER_DECIDES: return STATUS_OK;
    case ACCESS_UNDECIDED: break;
    }
    return bad_pattern(err, pattern->mount, text, "does not say who may");
}

static bool same_shape(const struct pattern *a, const struct pattern *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        const struct piece *one = &a->pieces[i], *two = &b->pieces[i];

        if (one->kind != two->kind)
            return false;
        if (one->kind == PIECE_STATIC &&
            (one->length != two->length || memcmp(one->text, two->text, one->length)))
            return false;
    }
    return true;
}

static enum status compile_mount(struct router *router, const struct mount *mount,
                                 struct error *err)
{
    struct pattern *prefix = &router->prefixes[router->prefix_count++];
    enum status rc;

    prefix->mount = mount;
    if ((rc = parse_pieces(router->arena, prefix, mount->prefix, err)))
        return rc;
    prefix->prefix = prefix->count;
    for (size_t row = 0; row < mount->count; row++) {
        const struct route *route = &mount->routes[row];
        struct pattern *pattern = &router->patterns[router->count];

        *pattern = *prefix;
        pattern->route = route;
        if ((rc = parse_pieces(router->arena, pattern, route->pattern, err)) ||
            (rc = check_access(pattern, err)))
            return rc;
        if (!route->run || route->method >= METHOD_COUNT || (!*route->pattern && !pattern->count))
            return bad_pattern(err, mount, route->pattern, "is not complete");
        for (size_t i = 0; i < router->count; i++)
            if (router->patterns[i].route->method == route->method &&
                same_shape(&router->patterns[i], pattern))
                return bad_pattern(err, mount, route->pattern, "is there twice");
        router->count++;
    }
    return STATUS_OK;
}

/* Where two prefixes fit, the one that says more decides. */
static int by_static_pieces(const void *a, const void *b)
{
    const struct pattern *one = a, *two = b;
    size_t least = one->count < two->count ? one->count : two->count;

    for (size_t i = 0; i < least; i++)
        if (one->pieces[i].kind != two->pieces[i].kind)
            return one->pieces[i].kind < two->pieces[i].kind ? -1 : 1;
    return (one->count < two->count) - (one->count > two->count);
}

enum status router_new(const struct mount *const *mounts, size_t count, struct router **out,
                       struct error *err)
{
    struct arena *arena = arena_new();
    struct router *router = arena_alloc(arena, sizeof *router);
    size_t rows = 0;
    enum status rc;

    for (size_t i = 0; i < count; i++)
        rows += mounts[i]->count;
    *router = (struct router){
        .arena = arena,
        .patterns = arena_array(arena, rows + 1, sizeof(struct pattern)),
        .prefixes = arena_array(arena, count + 1, sizeof(struct pattern)),
    };
    for (size_t i = 0; i < count; i++)
        if ((rc = compile_mount(router, mounts[i], err))) {
            router_free(router);
            return rc;
        }
    qsort(router->prefixes, router->prefix_count, sizeof *router->prefixes, by_static_pieces);
    *out = router;
    return STATUS_OK;
}

void router_free(struct router *router)
{
    if (router)
        arena_free(router->arena);
}

/* How many segments a parameter takes at this place: 0 where it cannot stand there. */
static size_t param_segments(const struct pattern *pattern, size_t index, const struct path *path,
                             size_t at)
{
    const struct piece *piece = &pattern->pieces[index];
    const struct segment *segment = &path->segments[at];

    if (!piece->joins || *segment->text != '@')
        return !(pattern->mount->joins_scopes && index == pattern->prefix &&
                 !strcmp(segment->text, "-"));
    if (segment->has_slash)
        return 1;
    return at + 1 < path->count ? 2 : piece_is(piece, "file");
}

/* Where in the path each piece begins; count is the end. false: the pattern does not fit. */
static bool match(const struct pattern *pattern, const struct path *path,
                  size_t starts[PIECES_MAX + 1])
{
    size_t at = 0;

    for (size_t i = 0; i < pattern->count; i++) {
        const struct piece *piece = &pattern->pieces[i];
        const struct segment *segment = &path->segments[at];
        size_t taken;

        starts[i] = at;
        if (at == path->count)
            return false;
        switch (piece->kind) {
        case PIECE_STATIC:
            if (segment->length != piece->length ||
                memcmp(segment->text, piece->text, piece->length))
                return false;
            at++;
            break;
        case PIECE_PARAM:
            if (!(taken = param_segments(pattern, i, path, at)))
                return false;
            at += taken;
            break;
        case PIECE_REST: at = path->count; break;
        }
    }
    starts[pattern->count] = at;
    return pattern->route ? at == path->count : true;
}

/* Whether a says more than b about a path that both fit: a static piece where b has none. */
static bool says_more(const struct pattern *a, const struct pattern *b)
{
    size_t least = a->count < b->count ? a->count : b->count;

    for (size_t i = 0; i < least; i++)
        if (a->pieces[i].kind != b->pieces[i].kind)
            return a->pieces[i].kind < b->pieces[i].kind;
    return a->count > b->count;
}

static bool answers(const struct route *route, enum method method)
{
    return route->method == method || (method == METHOD_HEAD && route->method == METHOD_GET);
}

static enum status encoded_slash(struct request *req)
{
    return fail(&req->error, STATUS_INVALID, "invalid-path",
                "an encoded slash is only for the scope of a package");
}

/* Hands over the parameters; a slash inside a segment is for scopes alone. */
static enum status take_params(const struct pattern *pattern, const struct path *path,
                               const size_t *starts, struct request *req)
{
    struct header *params = arena_array(req->arena, PIECES_MAX, sizeof *params);
    size_t count = 0;

    for (size_t i = 0; i < pattern->count; i++) {
        const struct piece *piece = &pattern->pieces[i];
        size_t from = starts[i], to = starts[i + 1];
        const struct segment *segment = &path->segments[from];
        const char *value = segment->text;

        for (size_t k = from; k < to; k++)
            if (path->segments[k].has_slash &&
                !(piece->joins && k == from && path_segment_is_scoped(segment)))
                return encoded_slash(req);
        if (piece->kind == PIECE_STATIC)
            continue;
        if (piece->kind == PIECE_REST)
            value = path_join(path, from, pattern->mount->keeps_slashes, req->arena);
        else if (to - from == 2)
            value = arena_format(req->arena, "%s/%s", value, path->segments[from + 1].text);
        params[count] = (struct header){pattern->names[count], value};
        count++;
    }
    req->params = params;
    req->param_count = count;
    return STATUS_OK;
}

static enum status not_allowed(struct request *req, struct response *res, const bool *allowed)
{
    char allow[64];
    size_t used = 0;

    for (int method = 0; method < METHOD_COUNT; method++)
        if (allowed[method])
            used += (size_t)snprintf(allow + used, sizeof allow - used, "%s%s", used ? ", " : "",
                                     methods[method]);
    response_header(req, res, "Allow", allow);
    return fail(&req->error, STATUS_NOT_ALLOWED, "", "%s is not for this address, only %s",
                methods[req->method], allow);
}

static const struct mount *find_mount(const struct router *router, const struct path *path)
{
    size_t starts[PIECES_MAX + 1];

    for (size_t i = 0; i < router->prefix_count; i++)
        if (match(&router->prefixes[i], path, starts))
            return router->prefixes[i].mount;
    return NULL;
}

enum status router_find(const struct router *router, struct request *req, struct response *res)
{
    const struct pattern *best = NULL;
    size_t starts[PIECES_MAX + 1];
    bool allowed[METHOD_COUNT] = {false}, path_exists = false;
    struct path path;
    enum status rc;

    if ((rc = path_parse(req->target, req->arena, &path, &req->error)))
        return rc;
    req->mount = find_mount(router, &path);
    if (req->mount && req->mount->keeps_slashes && path.has_empty)
        return fail(&req->error, STATUS_INVALID, "invalid-path", "the path has an empty segment");
    for (size_t i = 0; i < router->count; i++) {
        const struct pattern *pattern = &router->patterns[i];

        if (pattern->mount != req->mount || !match(pattern, &path, starts))
            continue;
        path_exists = true;
        allowed[pattern->route->method] = true;
        allowed[METHOD_HEAD] |= pattern->route->method == METHOD_GET;
        if (answers(pattern->route, req->method) && (!best || says_more(pattern, best)))
            best = pattern;
    }
    if (!best && path_exists)
        return not_allowed(req, res, allowed);
    if (!best)
        return fail(&req->error, STATUS_NOT_FOUND, "", "there is nothing at this address");
    match(best, &path, starts);
    if ((rc = take_params(best, &path, starts, req)))
        return rc;
    req->route = best->route;
    return STATUS_OK;
}
