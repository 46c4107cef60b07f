#include "server/admin/admin.h"

#include "config/settings.h"

static int64_t body_max(const struct settings *settings)
{
    return settings->api_body_max;
}

static const struct route routes[] = {
    {METHOD_POST,   "/orgs",                         MAY_ADMIN_INSTANCE,   0, admin_create_org,        body_max},
    {METHOD_GET,    "/orgs",                         SIGNED_IN,            0, admin_list_orgs,         NULL    },
    {METHOD_GET,    "/orgs/:org",                    MAY_ADMIN_ORG,        0, admin_get_org,           NULL    },
    {METHOD_PATCH,  "/orgs/:org",                    MAY_ADMIN_INSTANCE,   0, admin_set_org,           body_max},
    {METHOD_POST,   "/orgs/:org/repositories",       MAY_ADMIN_ORG,        0, admin_create_repository, body_max},
    {METHOD_GET,    "/orgs/:org/repositories",       HANDLER_DECIDES,      0, admin_list_repositories, NULL    },
    {METHOD_GET,    "/orgs/:org/repositories/:repo", MAY_READ,             0, admin_get_repository,    NULL    },
    {METHOD_PATCH,  "/orgs/:org/repositories/:repo", MAY_ADMIN_REPOSITORY, 0, admin_set_repository,
     body_max                                                                                                  },
    {METHOD_GET,    "/orgs/:org/repositories/:repo/sources", MAY_ADMIN_ORG, 0, admin_list_sources,      NULL},
    {METHOD_POST,   "/orgs/:org/repositories/:repo/sources", MAY_ADMIN_ORG, 0, admin_add_source,
     body_max},
    {METHOD_DELETE, "/orgs/:org/repositories/:repo/sources/:source", MAY_ADMIN_ORG, 0,
     admin_remove_source, NULL},
    {METHOD_POST,   "/orgs/:org/upstreams",          MAY_ADMIN_ORG,        0, admin_add_upstream,      body_max},
    {METHOD_GET,    "/orgs/:org/upstreams",          MAY_ADMIN_ORG,        0, admin_list_upstreams,    NULL},
    {METHOD_GET,    "/orgs/:org/upstreams/:upstream", MAY_ADMIN_ORG,       0, admin_get_upstream,      NULL},
    {METHOD_PATCH,  "/orgs/:org/upstreams/:upstream", MAY_ADMIN_ORG,       0, admin_set_upstream,
     body_max},
    {METHOD_DELETE, "/orgs/:org/upstreams/:upstream", MAY_ADMIN_ORG,       0, admin_remove_upstream,   NULL},
    {METHOD_POST,   "/orgs/:org/upstreams/:upstream/refresh", MAY_ADMIN_ORG, 0, admin_refresh_upstream, NULL},
    {METHOD_GET,    "/orgs/:org/owners",             MAY_ADMIN_ORG,        0, admin_get_owner,         NULL},
    {METHOD_PUT,    "/orgs/:org/owners",             MAY_ADMIN_ORG,        0, admin_set_owner,         body_max},
    {METHOD_GET,    "/orgs/:org/claims",             MAY_ADMIN_ORG,        0, admin_list_claims,       NULL},
    {METHOD_POST,   "/orgs/:org/claims",             MAY_ADMIN_ORG,        0, admin_add_claim,         body_max},
    {METHOD_DELETE, "/orgs/:org/claims",             MAY_ADMIN_ORG,        0, admin_remove_claim,      NULL},
    {METHOD_POST,   "/orgs/:org/repositories/:repo/removals", MAY_READ, 0, admin_remove_version,
     body_max                                                                                                  },
    {METHOD_GET,    "/orgs/:org/repositories/:repo/removals", MAY_READ, 0, admin_list_removed,
     NULL                                                                                                      },
    {METHOD_POST,   "/orgs/:org/repositories/:repo/restorations", MAY_READ, 0, admin_restore_version,
     body_max                                                                                                  },
    {METHOD_GET,    "/orgs/:org/audit",              MAY_AUDIT,            0, admin_list_org_audit,    NULL    },
    {METHOD_POST,   "/accounts",                     MAY_ADMIN_INSTANCE,   0, admin_create_account,    body_max},
    {METHOD_GET,    "/accounts",                     MAY_ADMIN_INSTANCE,   0, admin_list_accounts,     NULL    },
    {METHOD_GET,    "/whoami",                       SIGNED_IN,            0, admin_whoami,            NULL    },
    {METHOD_POST,   "/grants",                       HANDLER_DECIDES,      0, admin_add_grant,         body_max},
    {METHOD_GET,    "/grants",                       HANDLER_DECIDES,      0, admin_list_grants,       NULL    },
    {METHOD_DELETE, "/grants/:id",                   HANDLER_DECIDES,      0, admin_remove_grant,      NULL    },
    {METHOD_POST,   "/tokens",                       HANDLER_DECIDES,      0, admin_create_token,      body_max},
    {METHOD_GET,    "/tokens",                       SIGNED_IN,            0, admin_list_tokens,       NULL    },
    {METHOD_DELETE, "/tokens/:id",                   HANDLER_DECIDES,      0, admin_revoke_token,      NULL    },
    {METHOD_POST,   "/tokens/revoke",                ANYONE,               0, admin_revoke_this_token, body_max},
    {METHOD_GET,    "/access/explain",               HANDLER_DECIDES,      0, admin_explain_access,    NULL    },
    {METHOD_GET,    "/audit",                        MAY_ADMIN_INSTANCE,   0, admin_list_audit,        NULL    },
};

const struct mount admin_mount = {
    .prefix = "/api/v1",
    .name = "api",
    .routes = routes,
    .count = sizeof routes / sizeof *routes,
    .challenge = CHALLENGE_BOTH,
};
