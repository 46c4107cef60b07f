/* One request and its answer on a connection: what is the same for every protocol and whichever
 * library has read the head. Reading the head strictly, asking for the answer, sending it in as few
 * calls as can be, and leaving the connection where the next request begins. */
#pragma once
#include "protocols/http/request.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct access_log;
struct connection;
struct exchanges;
struct metrics;
struct request_head;
struct response;

struct exchange_options {
    const struct service *service;
    struct metrics *metrics;       /* never NULL */
    struct access_log *access_log; /* may be NULL */
    int64_t body_timeout_ms;       /* for each 64 KiB that a client sends */
    /* Fills the response; never fails. */
    void (*answer)(void *context, struct request *req, struct response *res);
    void *context;
};

/* What exchanges use one after another; for any number of threads. */
struct exchanges *exchanges_new(const struct exchange_options *options);
void exchanges_free(struct exchanges *exchanges);
/* From now on every answer is its connection's last. */
void exchanges_drain(struct exchanges *exchanges);

/* Answers the request. True where the connection goes on with the next one; else nothing more may
 * be read from it, and it should be closed at once. */
bool exchange_run(struct exchanges *exchanges, struct connection *connection,
                  const struct request_head *head);
/* Answers a head that could not be read, and ends the connection. */
void exchange_refuse(struct exchanges *exchanges, struct connection *connection,
                     const struct error *error);
