#include "storage/catalog/access.h"

#include "storage/memory/glob.h"

#include <string.h>

static const struct {
    const char *name;
    unsigned action;
} action_names[] = {
    {"repo:read",         REPO_READ        },
    {"repo:list",         REPO_LIST        },
    {"pkg:publish",       PKG_PUBLISH      },
    {"pkg:stage",         PKG_STAGE        },
    {"pkg:tag",           PKG_TAG          },
    {"pkg:deprecate",     PKG_DEPRECATE    },
    {"pkg:delete",        PKG_DELETE       },
    {"repo:admin",        REPO_ADMIN       },
    {"org:admin",         ORG_ADMIN        },
    {"token:admin",       TOKEN_ADMIN      },
    {"audit:read",        AUDIT_READ       },
    {"policy:read",       POLICY_READ      },
    {"policy:write",      POLICY_WRITE     },
    {"exception:request", EXCEPTION_REQUEST},
    {"exception:approve", EXCEPTION_APPROVE},
};

enum {
    READER = REPO_READ | REPO_LIST | EXCEPTION_REQUEST,
    STAGER = READER | PKG_STAGE,
    PUBLISHER = STAGER | PKG_PUBLISH | PKG_TAG,
    MAINTAINER = PUBLISHER | PKG_DEPRECATE | PKG_DELETE,
    ADMIN = MAINTAINER | REPO_ADMIN,
    SECURITY = READER | POLICY_READ | POLICY_WRITE | EXCEPTION_APPROVE | AUDIT_READ,
};

/* Access spec B1. security is given for all repositories of an org, and publishes nothing. */
static const struct {
    const char *name;
    unsigned actions;
} roles[] = {
    {"reader",     READER                    },
    {"stager",     STAGER                    },
    {"publisher",  PUBLISHER                 },
    {"maintainer", MAINTAINER                },
    {"approver",   READER | EXCEPTION_APPROVE},
    {"security",   SECURITY                  },
    {"admin",      ADMIN                     },
    {"org-admin",  ACTIONS_ALL               },
};

const struct principal principal_anonymous = {.name = "anonymous",
                                              .actions = REPO_READ | REPO_LIST};

unsigned role_actions(const char *role)
{
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        if (!strcmp(roles[i].name, role))
            return roles[i].actions;
    return 0;
}

unsigned action_from_name(const char *name)
{
    for (size_t i = 0; i < sizeof action_names / sizeof *action_names; i++)
        if (!strcmp(action_names[i].name, name))
            return action_names[i].action;
    return 0;
}

const char *action_name(enum action action)
{
    for (size_t i = 0; i < sizeof action_names / sizeof *action_names; i++)
        if (action_names[i].action == action)
            return action_names[i].name;
    return NULL;
}

/* Whether the glob over "org/repo" matches, without building that text: no name holds a '/'. */
static bool repository_matches(const char *glob, const struct repository *repository)
{
    char path[128];
    size_t org = strlen(repository->org), name = strlen(repository->name);

    if (org + name + 2 > sizeof path)
        return false;
    memcpy(path, repository->org, org);
    path[org] = '/';
    memcpy(path + org + 1, repository->name, name + 1);
    return glob_matches(glob, path);
}

static bool token_covers_repository(const struct principal *principal,
                                    const struct repository *repository)
{
    if (!principal->repositories)
        return true;
    for (size_t i = 0; i < principal->repository_count; i++)
        if (repository_matches(principal->repositories[i], repository))
            return true;
    return false;
}

/* A glob with a format in front is about that format alone, one without is about every format. */
static bool package_matches(const char *glob, const char *package)
{
    const char *colon = strchr(package, ':');

    return glob_matches(glob, colon && !strchr(glob, ':') ? colon + 1 : package);
}

static bool token_covers_package(const struct principal *principal, const char *package)
{
    if (!principal->packages || !package)
        return true;
    for (size_t i = 0; i < principal->package_count; i++)
        if (package_matches(principal->packages[i], package))
            return true;
    return false;
}

bool access_allows(const struct principal *principal, const struct repository *repository,
                   const char *package, enum action action)
{
    bool is_allowed = principal->is_owner || (repository->anonymous_read && (READER & action));

    if (!(principal->actions & action) || !token_covers_repository(principal, repository) ||
        !token_covers_package(principal, package))
        return false;
    for (size_t i = 0; i < principal->grant_count; i++) {
        const struct grant *grant = &principal->grants[i];

        if (!(grant->actions & action) || !repository_matches(grant->repository, repository) ||
            (package && !package_matches(grant->package, package)))
            continue;
        if (grant->effect == GRANT_DENY) {
            /* A deny for some packages is none for the repository as a whole. */
            if (package || !strcmp(grant->package, "**"))
                return false;
        } else {
            is_allowed = true;
        }
    }
    return is_allowed;
}

bool access_sees(const struct principal *principal, const struct repository *repository)
{
    return access_allows(principal, repository, NULL, REPO_READ) ||
           access_allows(principal, repository, NULL, PKG_PUBLISH) ||
           access_allows(principal, repository, NULL, REPO_ADMIN);
}

/* A glob whose first segment is the org's name, or matches it. */
static bool glob_is_in_org(const char *glob, const char *org)
{
    char first[64];
    size_t length = strcspn(glob, "/");

    if (length == strlen(glob) && !strcmp(glob, "**"))
        return true;
    if (length >= sizeof first)
        return false;
    memcpy(first, glob, length);
    first[length] = '\0';
    return glob_matches(first, org);
}

/* A glob over all repositories of the org. */
static bool glob_is_of_whole_org(const char *glob, const char *org)
{
    const char *rest = strchr(glob, '/');

    return glob_is_in_org(glob, org) &&
           (!strcmp(glob, "**") || (rest && (!strcmp(rest, "/*") || !strcmp(rest, "/**"))));
}

static bool token_covers_org(const struct principal *principal, const char *org, bool as_a_whole)
{
    if (!principal->repositories)
        return true;
    for (size_t i = 0; i < principal->repository_count; i++) {
        const char *glob = principal->repositories[i];

        if (as_a_whole ? glob_is_of_whole_org(glob, org) : glob_is_in_org(glob, org))
            return true;
    }
    return false;
}

bool access_allows_org(const struct principal *principal, const char *org, enum action action)
{
    bool is_allowed = principal->is_owner;

    if (!(principal->actions & action) || !token_covers_org(principal, org, true))
        return false;
    for (size_t i = 0; i < principal->grant_count; i++) {
        const struct grant *grant = &principal->grants[i];

        if (!(grant->actions & action) || !glob_is_in_org(grant->repository, org))
            continue;
        if (grant->effect == GRANT_DENY)
            return false;
        /* What is allowed for a part of the org is not for the org. */
        is_allowed |=
            glob_is_of_whole_org(grant->repository, org) && !strcmp(grant->package, "**");
    }
    return is_allowed;
}

bool access_allows_instance(const struct principal *principal)
{
    return principal->is_owner && principal->actions == ACTIONS_ALL && !principal->repositories &&
           !principal->packages;
}

bool access_sees_org(const struct principal *principal, const char *org)
{
    if (!token_covers_org(principal, org, false))
        return false;
    if (principal->is_owner)
        return true;
    for (size_t i = 0; i < principal->grant_count; i++)
        if (principal->grants[i].effect == GRANT_ALLOW &&
            glob_is_in_org(principal->grants[i].repository, org))
            return true;
    return false;
}
