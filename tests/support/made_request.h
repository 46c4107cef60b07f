/* A request made by hand, for tests of what stands above the socket. */
#pragma once
#include "protocols/http/response.h"
#include "storage/memory/arena.h"
#include "storage/memory/stream.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

struct made {
    struct request req;
    struct response res;
    struct header headers[16];
    struct memory_reader body;
};

/* target may have a query. The arena is the caller's. */
static inline void made_request(struct made *made, struct arena *arena, enum method method,
                                const char *target)
{
    const char *query = strchr(target, '?');

    *made = (struct made){
        .req = {.arena = arena,
                .method = method,
                .target = target,
                .query = "",
                .peer = "127.0.0.1",
                .id = "test"}
    };
    if (query) {
        made->req.target = arena_copy_bytes(arena, target, (size_t)(query - target));
        made->req.query = query + 1;
    }
    made->req.headers = made->headers;
    memory_reader_init(&made->body, "", 0);
    made->req.body = &made->body.reader;
    response_init(&made->res);
}

static inline void made_header(struct made *made, const char *name, const char *value)
{
    if (value)
        made->headers[made->req.header_count++] = (struct header){name, value};
}

/* is_chunked: the length is not told. */
static inline void made_body(struct made *made, const char *text, bool is_chunked)
{
    memory_reader_init(&made->body, text, strlen(text));
    made->req.content_length = is_chunked ? -1 : (int64_t)strlen(text);
}

static inline const char *made_answer_header(const struct made *made, const char *name)
{
    for (size_t i = 0; i < made->res.header_count; i++)
        if (!strcasecmp(made->res.headers[i].name, name))
            return made->res.headers[i].value;
    return NULL;
}
