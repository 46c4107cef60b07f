#include "storage/memory/strbuf.h"
#include "storage/remote/fetch.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* A server of one connection: keeps what came, answers what it was told to, then hangs up. */
struct server {
    int listener;
    const char *answer; /* NULL: says nothing until the client has gone */
    const char *until;  /* the end of the request */
    char url[64], request[4096];
    size_t length;
    pthread_t thread;
};

static void *serve(void *context)
{
    struct server *server = context;
    int fd = accept(server->listener, NULL, NULL);
    char rest[256];
    ssize_t got;

    while ((got = read(fd, server->request + server->length,
                       sizeof server->request - server->length - 1)) > 0) {
        server->length += (size_t)got;
        server->request[server->length] = '\0';
        if (strstr(server->request, server->until))
            break;
    }
    if (server->answer)
        got = send(fd, server->answer, strlen(server->answer), MSG_NOSIGNAL);
    else
        while (read(fd, rest, sizeof rest) > 0)
            ;
    close(fd);
    return NULL;
}

static void server_listen(struct server *server, void *(*serve_with)(void *context))
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;

    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(server->listener, 1), 0);
    assert_int_equal(getsockname(server->listener, (struct sockaddr *)&address, &length), 0);
    snprintf(server->url, sizeof server->url, "http://127.0.0.1:%d/p?q=1", ntohs(address.sin_port));
    assert_int_equal(pthread_create(&server->thread, NULL, serve_with, server), 0);
}

static void server_start(struct server *server, const char *until, const char *answer)
{
    *server = (struct server){.until = until, .answer = answer};
    server_listen(server, serve);
}

static void server_stop(struct server *server)
{
    pthread_join(server->thread, NULL);
    close(server->listener);
}

static enum status ask(const struct fetch_request *request, size_t cap, char **body,
                       struct fetch_answer *answer, struct error *err)
{
    struct strbuf out;
    enum status rc;

    strbuf_init(&out, NULL, cap);
    rc = fetch(request, &out, answer, err);
    *body = strbuf_detach(&out, NULL);
    return rc;
}

static void what_is_asked_arrives_and_the_answer_too(void **state)
{
    static const char *const headers[] = {"Authorization: Bearer t",
                                          "Content-Type: application/json", NULL};
    struct fetch_answer answer;
    struct server server;
    struct error err = {0};
    char *body;

    (void)state;
    server_start(&server, "{\"a\":1}",
                 "HTTP/1.1 409 taken\r\nContent-Type: application/problem+json\r\n"
                 "Content-Length: 5\r\nConnection: close\r\n\r\nhello");
    if (ask(&(struct fetch_request){.method = "PATCH",
                                    .url = server.url,
                                    .headers = headers,
                                    .body = "{\"a\":1}",
                                    .body_length = 7},
            100, &body, &answer, &err))
        fail_msg("%s", err.message);
    server_stop(&server);
    assert_int_equal(answer.code, 409);
    assert_string_equal(answer.content_type, "application/problem+json");
    assert_string_equal(body, "hello");
    assert_ptr_equal(strstr(server.request, "PATCH /p?q=1 HTTP/1.1\r\n"), server.request);
    assert_non_null(strstr(server.request, "\r\nAuthorization: Bearer t\r\n"));
    assert_non_null(strstr(server.request, "\r\nContent-Length: 7\r\n"));
    free(body);
}

/* Following one would hand the token to another server. */
static void a_redirect_is_not_followed(void **state)
{
    struct fetch_answer answer;
    struct server server;
    char *body;

    (void)state;
    server_start(&server, "\r\n\r\n",
                 "HTTP/1.1 302 x\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(
        ask(&(struct fetch_request){.method = "GET", .url = server.url}, 100, &body, &answer, NULL),
        STATUS_OK);
    server_stop(&server);
    assert_int_equal(answer.code, 302);
    free(body);
}

static const struct {
    const char *answer;
    size_t cap;
    enum status expected;
    const char *sentence;
} failures[] = {
    {"HTTP/1.1 200 x\r\nContent-Length: 5\r\n\r\nhello",             4,   STATUS_TOO_LARGE, "more than 4 bytes"      },
    {"HTTP/1.1 200 x\r\nContent-Length: 5\r\n\r\nhel",               100, STATUS_BUSY,      "cannot reach http://127"},
    {"HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel", 100, STATUS_BUSY,
     "cannot reach"                                                                                                  },
    {"",                                                             100, STATUS_BUSY,      "cannot reach"           },
    {"SSH-2.0-x\r\n",                                                100, STATUS_BUSY,      "cannot reach"           },
    {NULL,                                                           100, STATUS_TIMEOUT,   "gave no answer in time" },
};

static void each_failure_has_its_words(void **state)
{
    (void)state;
    for (size_t row = 0; row < sizeof failures / sizeof *failures; row++) {
        struct fetch_answer answer;
        struct server server;
        struct error err = {0};
        char *body;
        enum status rc;

        server_start(&server, "\r\n\r\n", failures[row].answer);
        /* in haste only where no answer will come */
        rc = ask(&(struct fetch_request){.method = "GET",
                                         .url = server.url,
                                         .timeout_ms = failures[row].answer ? 600000 : 1000},
                 failures[row].cap, &body, &answer, &err);
        server_stop(&server);
        free(body);
        if (rc != failures[row].expected || !strstr(err.message, failures[row].sentence))
            fail_msg("row %zu: %s: %s", row, status_word(rc), err.message);
        assert_null(strstr(err.message, "q=1")); /* a query may be secret */
    }
}

static void what_cannot_be_sent_is_refused(void **state)
{
    static const char *const urls[] = {"file:///etc/passwd", "ftp://127.0.0.1/", "http://", "",
                                       "gopher://127.0.0.1:70/"};
    static const char *const headers[] = {"X-A: b\r\nX-C: d", NULL};
    struct fetch_answer answer;
    char *body;

    (void)state;
    for (size_t row = 0; row < sizeof urls / sizeof *urls; row++) {
        assert_int_equal(ask(&(struct fetch_request){.method = "GET", .url = urls[row]}, 100, &body,
                             &answer, NULL),
                         STATUS_INVALID);
        free(body);
    }
    assert_int_equal(ask(&(struct fetch_request){.method = "GET",
                                                 .url = "http://127.0.0.1:1/",
                                                 .headers = headers},
                         100, &body, &answer, NULL),
                     STATUS_INVALID);
    free(body);
    assert_int_equal(ask(&(struct fetch_request){.method = "GET", .url = "http://127.0.0.1:1/"},
                         100, &body, &answer, NULL),
                     STATUS_BUSY);
    free(body);
}

/* Accepts one connection, and answers two requests on it. */
static void *serve_twice(void *context)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    struct server *server = context;
    int fd = accept(server->listener, NULL, NULL);
    ssize_t got;

    for (int i = 0; i < 2; i++) {
        server->length = 0;
        do {
            got = read(fd, server->request + server->length,
                       sizeof server->request - server->length - 1);
            server->length += got > 0 ? (size_t)got : 0;
            server->request[server->length] = '\0';
        } while (got > 0 && !strstr(server->request, "\r\n\r\n"));
        got = send(fd, answer, sizeof answer - 1, MSG_NOSIGNAL);
    }
    close(fd);
    return NULL;
}

/* A second connection would wait for ever here. */
static void a_connection_that_is_kept_serves_the_next_request(void **state)
{
    struct fetch_connection *connection = fetch_connection_new();
    struct fetch_answer answer;
    struct server server = {0};
    struct strbuf out;

    (void)state;
    server_listen(&server, serve_twice);
    for (int i = 0; i < 2; i++) {
        const struct fetch_request request = {
            .method = "GET", .url = server.url, .connection = connection};

        strbuf_init(&out, NULL, 100);
        assert_int_equal(fetch(&request, &out, &answer, NULL), STATUS_OK);
        assert_int_equal(answer.code, 200);
        assert_string_equal(out.data, "hi");
        strbuf_free(&out);
    }
    server_stop(&server);
    fetch_connection_free(connection);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_asked_arrives_and_the_answer_too),
        cmocka_unit_test(a_redirect_is_not_followed),
        cmocka_unit_test(each_failure_has_its_words),
        cmocka_unit_test(what_cannot_be_sent_is_refused),
        cmocka_unit_test(a_connection_that_is_kept_serves_the_next_request),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
