/* "info" of the JSON API: what a release says of itself. */
#pragma once
#include <stdbool.h>

struct request;
struct strbuf;

struct project_info {
    const char *project, *version;
    const char *metadata;        /* METADATA of its wheel; NULL: nobody knows it */
    const char *requires_python; /* as the page has it; NULL: any */
    bool is_yanked;
    const char *yanked_reason; /* perhaps ""; NULL: it is not */
};

void project_info_write(struct request *req, const struct project_info *info, struct strbuf *out);
