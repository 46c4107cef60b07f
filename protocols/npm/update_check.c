#include "protocols/npm/update_check.h"

#include "config/clock.h"
#include "storage/catalog/ingest.h"
#include "storage/mirror/mirror.h"

#include <string.h>

enum { RECENT_US = 60000000 };

static bool is_client(const char *name)
{
    return !strcmp(name, "npm") || !strcmp(name, "pnpm");
}

static void see_stats(void *context, const struct mirror_stats *stats)
{
    bool *fails = context;

    if (stats->breaker.state != BREAKER_CLOSED ||
        (stats->breaker.last_error_us > stats->last_success_us &&
         clock_now_us() - stats->breaker.last_error_us < RECENT_US))
        *fails = true;
}

bool npm_update_check_is_hopeless(struct request *req, const char *name)
{
    struct catalog *catalog = req->service->catalog;
    struct upstream_document kept;
    struct home home;
    bool fails = false;

    if (!is_client(name) || !req->service->mirror ||
        catalog_find_home(catalog, req->repository, FORMAT_NPM, name, req->arena, &home, NULL) ||
        (home.kind != HOME_UPSTREAM && home.kind != HOME_UNOWNED) || !home.upstream_count)
        return false;
    if (home.kind == HOME_UPSTREAM &&
        catalog_find_upstream_document(catalog, home.upstreams, name, req->arena, &kept, NULL) !=
            STATUS_NOT_FOUND)
        return false;
    mirror_visit_stats(req->service->mirror, home.upstreams->id, see_stats, &fails);
    return fails || home.upstreams->is_offline;
}

bool npm_update_check_may_fail(const char *name, enum status rc)
{
    return is_client(name) && (rc == STATUS_BAD_UPSTREAM || rc == STATUS_UPSTREAM_TIMEOUT ||
                               rc == STATUS_UPSTREAM_AWAY);
}
