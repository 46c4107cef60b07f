/* The header fields that we read ourselves, in any bytes: credentials, Accept, conditions, ranges, the
 * query. Lines of the input are fields; one without a colon is the query. */
#include "protocols/http/condition.h"
#include "server/auth/credential.h"
#include "storage/memory/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FIELDS_MAX = 16 };

static void ask(struct request *req)
{
    static const char *const offers[] = {"application/vnd.npm.install-v1+json", "text/html"};
    const char *etag = "\"sha256:abc\"", *token;
    struct byte_range range;
    int pick = request_accept(req, offers, 2);

    if (pick < -1 || pick > 1)
        abort();
    request_accepts_gzip(req);
    request_header_has(req, "connection", "close");
    request_query(req, "name");
    condition_check(req, etag, 1700000000000000);
    if (credential_of(req, &token) == CREDENTIAL_TOKEN && (!token || !*token))
        abort();
    for (int64_t bytes = 0; bytes < 20; bytes += 19)
        if (range_of_request(req, etag, bytes, &range) == RANGE_PART &&
            (range.offset < 0 || range.length < 1 || range.offset + range.length > bytes))
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct header fields[FIELDS_MAX];
    struct request req = {.arena = arena, .query = "", .headers = fields};

    for (char *at = arena_copy_bytes(arena, data, size), *line; (line = strsep(&at, "\n"));) {
        char *colon = strchr(line, ':');

        if (!colon) {
            req.query = line;
        } else if (req.header_count < FIELDS_MAX) {
            *colon = '\0';
            fields[req.header_count++] = (struct header){line, colon + 1 + strspn(colon + 1, " ")};
        }
    }
    for (req.method = METHOD_GET; req.method < METHOD_COUNT; req.method++)
        ask(&req);
    arena_free(arena);
    return 0;
}
