/* Every target finds a row of the real tables, or is refused; what it finds is decoded text that leads
 * nowhere else. The first byte is the method. */
#include "protocols/http/response.h"
#include "server/router.h"
#include "server/routes.h"
#include "storage/memory/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* No segment of a value is empty or made of dots, but for an artifact path's end. */
static void check_value(const char *value)
{
    for (const char *at = value; *at;) {
        size_t length = strcspn(at, "/");

        if (!length || (length == 1 && *at == '.') || (length == 2 && !memcmp(at, "..", 2)))
            abort();
        at += length;
        at += *at == '/';
    }
    for (const char *at = value; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f || *at == '\\')
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct router *router;
    struct arena *arena = arena_new();
    struct request req = {.arena = arena, .query = ""};
    struct response res;

    if (!router && router_new(mounts, mount_count, &router, NULL))
        abort();
    if (size) {
        req.method = data[0] % METHOD_COUNT;
        req.target = arena_copy_bytes(arena, data + 1, size - 1);
        response_init(&res);
        if (!router_find(router, &req, &res)) {
            if (!req.mount || !req.route)
                abort();
            for (size_t i = 0; i < req.param_count; i++)
                check_value(req.params[i].value);
        }
        response_release(&res);
    }
    arena_free(arena);
    return 0;
}
