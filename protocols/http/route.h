/* A protocol's table of contents: what exists, who may, how big, which function. */
#pragma once
#include "protocols/http/request.h"

struct response;

/* Who may. Zero means undecided, and the server refuses to start with such a row. */
enum access {
    ACCESS_UNDECIDED = 0,
    ANYONE,        /* no credential needed; a bad one is still refused */
    SIGNED_IN,     /* any valid credential */
    MAY_READ,      /* repo:read on the repository in the path, for the package in the path */
    MAY_PUBLISH,   /* pkg:publish */
    MAY_TAG,       /* pkg:tag */
    MAY_DELETE,    /* pkg:delete */
    MAY_ADMIN_REPOSITORY, /* repo:admin */
    MAY_ADMIN_ORG, /* org:admin on the :org of the path, or of whatever the handler names */
    MAY_AUDIT,     /* audit:read on the :org of the path */
    MAY_READ_POLICY,  /* policy:read on it */
    MAY_WRITE_POLICY, /* policy:write */
    MAY_APPROVE,      /* exception:approve */
    MAY_ADMIN_INSTANCE,   /* the instance's owner */
    HANDLER_DECIDES, /* only /api/v1: the object is named in the body; the handler asks access_check */
};

typedef enum status (*handler)(struct request *req, struct response *res);

struct route {
    enum method method; /* a GET row answers HEAD too */
    const char *pattern; /* below the mount: "/:package/-/:file"; a last "*name" takes the rest,
                            its segments decoded and joined by '/' */
    enum access access;
    int64_t body_max; /* bytes; 0: no body is taken; -1: no limit but the quota */
    handler run;
    int64_t (*body_limit)(const struct settings *settings); /* where the limit is a setting;
                                                              wins; 0 is no limit */
};

struct mount {
    const char *prefix; /* "/npm/:org/:repo"; "" mounts at the root */
    const char *name;   /* "npm": in metrics, and which words a 401 uses */
    const char *format; /* stands before a :package's name, as globs have it; NULL: no packages */
    const struct route *routes;
    size_t count;
    bool joins_scopes;  /* npm 2.2: "@scope/name" in two segments is one :package, or one :file; a
                           first segment "-" is never a :package */
    bool keeps_slashes; /* an empty segment is refused, and a final '/' stays at the end of a *rest;
                           elsewhere both are skipped */
    bool bodies_are_base64;  /* a limit is then told as the file's size too */
    bool reads_refused_body; /* DESIGN 4: npm reads no answer before it has sent its body */
    bool plain_not_found;   /* a 404 to a read is plain text that may be asked for again at once */
    bool stranger_gets_403; /* DESIGN 4: the Python index says 403 where others say 404 */
    enum { CHALLENGE_NONE, CHALLENGE_BASIC, CHALLENGE_BOTH } challenge; /* of a 401 */
    /* The package glob's subject, from the decoded :package; NULL: as it is. NULL result: no
     * such name can exist. */
    const char *(*normalize_package)(struct arena *arena, const char *package);
};

extern const struct mount npm_mount, pypi_mount, artifacts_mount;
