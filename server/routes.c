#include "server/routes.h"

#include "protocols/http/verdicts.h"
#include "protocols/npm/keys.h"
#include "protocols/npm/signature.h"
#include "protocols/npm/upstream.h"
#include "protocols/pypi/pypi.h"
#include "server/admin/admin.h"
#include "server/health.h"
#include "server/router.h"

const struct mount *const mounts[] = {
    &npm_mount, &pypi_mount, &artifacts_mount, &admin_mount, &health_mount,
};
const size_t mount_count = sizeof mounts / sizeof *mounts;

const struct mirror_format *const mirror_formats[] = {&npm_mirror_format, &pypi_mirror_format, NULL};

const struct verdict_format *const verdict_formats[] = {&npm_verdict_format, &pypi_verdict_format, NULL};

const struct review_format *const review_formats[] = {&npm_review_format, &pypi_review_format, NULL};

const struct upstream_keys_format *const upstream_keys_formats[] = {&npm_upstream_keys_format, NULL};

const signed_words words_to_sign = npm_stored_words;

static const char *const access_names[] = {
    [ACCESS_UNDECIDED] = "undecided",
    [ANYONE] = "anyone",
    [SIGNED_IN] = "signed-in",
    [MAY_READ] = "read",
    [MAY_PUBLISH] = "publish",
    [MAY_TAG] = "tag",
    [MAY_DELETE] = "delete",
    [MAY_ADMIN_REPOSITORY] = "admin-repository",
    [MAY_ADMIN_ORG] = "admin-org",
    [MAY_AUDIT] = "audit",
    [MAY_READ_POLICY] = "read-policy",
    [MAY_WRITE_POLICY] = "write-policy",
    [MAY_APPROVE] = "approve",
    [MAY_ADMIN_INSTANCE] = "admin-instance",
    [HANDLER_DECIDES] = "handler-decides",
};

void routes_print(FILE *out)
{
    for (size_t i = 0; i < mount_count; i++)
        for (size_t row = 0; row < mounts[i]->count; row++) {
            const struct route *route = &mounts[i]->routes[row];

            fprintf(out, "%-6s %-16s %s%s\n", method_name(route->method),
                    access_names[route->access], mounts[i]->prefix, route->pattern);
        }
}

/* Patterns and prefixes are texts of this program, without a character that JSON would escape. */
void routes_print_json(FILE *out)
{
    const char *comma = "";

    fputs("[", out);
    for (size_t i = 0; i < mount_count; i++)
        for (size_t row = 0; row < mounts[i]->count; row++, comma = ",") {
            const struct route *route = &mounts[i]->routes[row];

            fprintf(out,
                    "%s\n {\"mount\":\"%s\",\"method\":\"%s\",\"path\":\"%s%s\",\"access\":\"%s\","
                    "\"body\":%s,\"stranger\":%d}",
                    comma, mounts[i]->name, method_name(route->method), mounts[i]->prefix,
                    route->pattern, access_names[route->access],
                    route->body_max || route->body_limit ? "true" : "false",
                    mounts[i]->stranger_gets_403 ? 403 : 404);
        }
    fputs("\n]\n", out);
}
