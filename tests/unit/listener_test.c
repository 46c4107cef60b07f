/* What clients send that they should not, and what becomes of the connection afterwards. */
#include "tests/support/live_listener.h"

#include <dirent.h>
#include <pthread.h>

#define NEXT "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"
#define ROW(code, answers, closes, text)                                                           \
    {                                                                                              \
        code, answers, closes, text, sizeof text - 1                                               \
    }

/* Each is followed by a well-formed request: where the head is refused, that must get no answer,
 * for nobody knows where it begins. */
static const struct {
    int code, answers;
    bool closes;
    const char *text;
    size_t length;
} heads[] = {
    ROW(200, 2, false, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"),
    ROW(200, 2, false, "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
    ROW(200, 1, true, "GET /hello HTTP/1.0\r\n\r\n"),
    ROW(200, 1, true, "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
    ROW(200, 1, true, "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: TE\r\n\r\n"),
    ROW(200, 1, true, "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, close\r\n\r\n"),
    ROW(200, 1, true,
        "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n"),
    ROW(200, 2, false, "GET /hello HTTP/1.1\r\nHost: x\r\nX: caf\xc3\xa9\r\n\r\n"),
    ROW(200, 2, false, "GET /hello?a=b HTTP/1.1\r\nHost: x\r\n\r\n"),
    ROW(200, 2, false, "GET /hello? HTTP/1.1\r\nHost:x\r\nEmpty:\r\nBlank: \r\n\r\n"),
    ROW(200, 2, false, "\r\nGET /hello HTTP/1.1\r\nHost: x\r\n\r\n"),
    ROW(200, 3, false,
        "GET /hello HTTP/1.1\r\nHost: x\r\n\r\nGET /hello HTTP/1.1\r\nHost: x\r\n\r\n"),
    ROW(200, 2, true,
        "GET /hello HTTP/1.1\r\nHost: x\r\n\r\nGET /hello HTTP/1.1\n Host: x\r\n\r\n"),
    ROW(404, 2, false, "OPTIONS /hello2 HTTP/1.1\r\nHost: x\r\n\r\n"),
    ROW(404, 2, false, "GET /../etc HTTP/1.1\r\nHost: x\r\n\r\n"),
    ROW(201, 2, false, "PUT /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"),
    ROW(201, 2, false, "PUT /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"),
    ROW(201, 1, true,
        "PUT /sink HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    /* refused, and nothing after it is read */
    ROW(400, 1, true, "GET /hello HTTP/1.1\r\n\r\n"),
    ROW(400, 1, true, "GET /hello HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n"),
    ROW(400, 1, true, "GET /hello HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n"),
    ROW(400, 1, true, "GET /hello HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n"),
    ROW(400, 1, true, "GET /hello HTTP/1.1\r\nHost: x\r\nX: a\tb\r\n\r\n"),
    ROW(400, 1, true, "GET /hello HTTP/1.1\r\nHost: x\r\nX: a\x01\r\n\r\n"),
    ROW(400, 1, true, "GET /caf\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n"),
    ROW(400, 1, true, "FETCH /hello HTTP/1.1\r\nHost: x\r\n\r\n"),
    ROW(400, 1, true, "get /hello HTTP/1.1\r\nHost: x\r\n\r\n"),
    ROW(400, 1, true, "TRACE /hello HTTP/1.1\r\nHost: x\r\n\r\n"),
    ROW(400, 1, true, "CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n"),
    ROW(400, 1, true, "GET /hello HTTP/1.2\r\nHost: x\r\n\r\n"),
    ROW(400, 1, true, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ROW(400, 1, true, "GET /hello HTTP/1.1\nHost: x\n\n"),
    ROW(400, 1, true, "GET /hello HTTP/1.1\r\nHost: x\nX: y\r\n\r\n"),
    ROW(400, 1, true,
        "GET /hello HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\nContent-Length: 3\r\n\r\nabc"),
    ROW(400, 1, true, "GET /hello HTTP/1.1\r\nHost: x\r\nContent-Length : 3\r\n\r\nabc"),
    ROW(400, 1, true, "GET /hello HTTP/1.1\r\nHost: x\r\n: y\r\nContent-Length: 3\r\n\r\nabc"),
    ROW(400, 1, true, "GET /hello HTTP/1.1\r\n Host: x\r\n\r\n"),
    ROW(400, 1, true, "GET /hello HTTP/1.1\n Host: x\r\n\r\n"),
    ROW(400, 1, true, "GET /hello HTTP/1.1\r Host: x\r\n\r\n"),
    ROW(400, 1, true, "GET /hello HTTP/1.1\n\rHost: x\r\n\r\n"),
    ROW(400, 1, true, "GET /hello HTTP/1.0\n\r\n"),
    ROW(400, 1, true, "GET /hello HTTP/1.1\r\nHost: x\r\nX y: z\r\n\r\n"),
    ROW(400, 1, true, "GET /hello HTTP/1.1\r\nHost: x\r\nnocolon\r\n\r\n"),
    ROW(400, 1, true, "GET  /hello HTTP/1.1\r\nHost: x\r\n\r\n"),
    ROW(400, 1, true, "GET /hello  HTTP/1.1\r\nHost: x\r\n\r\n"),
    ROW(400, 1, true,
        "PUT /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n"
        "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ROW(400, 1, true,
        "PUT /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n"
        "Content-Length: 3\r\n\r\nabc"),
    ROW(400, 1, true, "PUT /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 3, 3\r\n\r\nabc"),
    ROW(400, 1, true, "PUT /sink HTTP/1.1\r\nHost: x\r\nContent-Length: +3\r\n\r\nabc"),
    ROW(400, 1, true, "PUT /sink HTTP/1.1\r\nHost: x\r\nContent-Length: -3\r\n\r\nabc"),
    ROW(400, 1, true, "PUT /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 3x\r\n\r\nabc"),
    ROW(400, 1, true, "PUT /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 0x3\r\n\r\nabc"),
    ROW(400, 1, true, "PUT /sink HTTP/1.1\r\nHost: x\r\nContent-Length: \r\n\r\nabc"),
    ROW(400, 1, true,
        "PUT /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 9223372036854775807\r\n\r\nabc"),
    ROW(400, 1, true, "PUT /sink HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n\r\nabc"),
    ROW(400, 1, true, "PUT /sink HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"),
    ROW(400, 1, true,
        "PUT /sink HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
        "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ROW(400, 1, true, "PUT /sink HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ROW(400, 1, true,
        "PUT /sink HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nabc\r\n"),
    ROW(411, 1, true, "PUT /sink HTTP/1.1\r\nHost: x\r\n\r\n"),
    ROW(411, 1, true, "POST /sink HTTP/1.1\r\nHost: x\r\n\r\n"),
    ROW(417, 1, true,
        "PUT /sink HTTP/1.1\r\nHost: x\r\nExpect: gold\r\nContent-Length: 3\r\n\r\nabc"),
};

static void no_head_smuggles_a_second_request(void **state)
{
    (void)state;
    for (size_t row = 0; row < sizeof heads / sizeof *heads; row++) {
        int fd = dial();
        struct heard *heard;

        say_bytes(fd, heads[row].text, heads[row].length);
        say(fd, NEXT);
        if (heads[row].closes)
            shutdown(fd, SHUT_WR); /* else the server lingers for what else may come */
        heard = hear_answers(fd, heads[row].closes ? INT_MAX : heads[row].answers);
        if (code_of(heard->text) != heads[row].code || answers_in(heard) != heads[row].answers ||
            heard->is_closed != heads[row].closes)
            fail_msg("row %zu: %s\n-> closed %d: %s", row, heads[row].text, heard->is_closed,
                     heard->text);
        if (heads[row].closes)
            assert_non_null(strstr(heard->text, "\r\nConnection: close\r\n"));
        assert_non_null(strstr(heard->text, "\r\nX-Request-Id: "));
        close(fd);
    }
}

static void the_head_has_63_fields_and_a_size(void **state)
{
    static const struct {
        int fields, bytes, code;
    } rows[] = {
        {63,  10,     200},
        {64,  10,     431},
        {65,  10,     431},
        {200, 10,     431},
        {10,  1000,   200},
        {18,  1000,   431},
        {3,   30000,  431},
        {3,   100000, 431}
    };

    (void)state;
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        int fd = dial();
        char *value = calloc(1, (size_t)rows[row].bytes + 1);
        char line[64];

        memset(value, 'v', (size_t)rows[row].bytes);
        say(fd, "GET /hello HTTP/1.1\r\nHost: x\r\n");
        for (int i = 1; i < rows[row].fields; i++) {
            snprintf(line, sizeof line, "X-%d: ", i);
            say(fd, line);
            say(fd, value);
            say(fd, "\r\n");
        }
        say(fd, "\r\n");
        shutdown(fd, SHUT_WR);
        free(value);
        if (code_of(hear_all(fd)->text) != rows[row].code)
            fail_msg("row %zu", row);
        close(fd);
    }
}

/* Early answers, and whether the connection goes on behind them. */
static const struct {
    const char *text;
    int answers;
} early[] = {
    {"PUT /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",                            2},
    {"PUT /refuse-late HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",                       2},
    {"PUT /absent HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",                            2},
    {"HEAD /hello HTTP/1.1\r\nHost: x\r\n\r\n",                                                    2},
    {"HEAD /absent HTTP/1.1\r\nHost: x\r\n\r\n",                                                   2},
    {"GET /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",                             2},
    {"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n",                                                   2},
    {"PUT /refuse HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",             1},
    {"PUT /refuse HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 30\r\n\r\n",      1},
    {"PUT /refuse-late HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 30\r\n\r\n",
     1                                                                                              },
};

static void a_request_behind_an_early_answer_is_heard(void **state)
{
    (void)state;
    for (size_t row = 0; row < sizeof early / sizeof *early; row++) {
        int fd = dial();
        struct heard *heard;

        say(fd, early[row].text);
        say(fd, NEXT);
        heard = hear_answers(fd, early[row].answers);
        if (answers_in(heard) != early[row].answers)
            fail_msg("row %zu: %s", row, heard->text);
        if (early[row].answers == 2)
            assert_string_equal(heard->text + heard->length - 6, "hello\n");
        close(fd);
    }
}

static void the_answer_to_head_has_a_length_and_no_body(void **state)
{
    int fd = dial();
    struct heard *heard;

    (void)state;
    say(fd, "HEAD /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    heard = hear_answers(fd, 1);
    assert_non_null(strstr(heard->text, "\r\nContent-Length: 6\r\n"));
    assert_string_equal(strstr(heard->text, "\r\n\r\n"), "\r\n\r\n");
    close(fd);
}

static void continue_is_said_only_to_who_is_let_in(void **state)
{
    static const char wanted[] = "HTTP/1.1 100 Continue\r\n\r\n";
    int fd = dial();
    struct heard *heard;

    (void)state;
    say(fd, "PUT /sink HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    assert_string_equal(hear_answers(fd, 1)->text, wanted);
    say(fd, "12345" NEXT);
    heard = hear_answers(fd, 2);
    assert_int_equal(code_of(heard->text), 201);
    assert_non_null(strstr(heard->text, "got 5\n"));
    assert_int_equal(answers_in(heard), 2);
    close(fd);
    fd = dial();
    say(fd, "PUT /refuse HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    shutdown(fd, SHUT_WR);
    heard = hear_all(fd);
    assert_int_equal(code_of(heard->text), 403);
    assert_true(heard->is_closed);
    close(fd);
}

static void a_body_cut_short_is_never_taken_for_whole(void **state)
{
    static const char *const texts[] = {
        "PUT /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n",
        "PUT /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n1234",
        "PUT /sink HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
        "PUT /sink HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n123",
        "PUT /sink HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n",
    };

    (void)state;
    for (size_t row = 0; row < sizeof texts / sizeof *texts; row++) {
        int fd = dial();

        say(fd, texts[row]);
        shutdown(fd, SHUT_WR);
        assert_int_equal(code_of(hear_all(fd)->text), 400);
        close(fd);
    }
}

/* Reads an answer with a Content-Length whole, as slowly as asked; returns the body's bytes. */
static size_t drink(int fd, size_t sip, int pause_ms, unsigned *checksum)
{
    char *buffer = malloc(sip);
    size_t total = 0;
    bool in_body = false;
    ssize_t got;

    *checksum = 0;
    while ((got = recv(fd, buffer, sip, 0)) > 0) {
        char *from = buffer;

        if (!in_body && (from = memmem(buffer, (size_t)got, "\r\n\r\n", 4))) {
            from += 4;
            in_body = true;
        }
        for (char *at = from; at && at < buffer + got; at++, total++)
            *checksum = *checksum * 31 + (unsigned char)*at;
        if (pause_ms)
            poll(NULL, 0, pause_ms);
    }
    free(buffer);
    return total;
}

static void a_file_arrives_whole_also_at_a_slow_reader(void **state)
{
    unsigned expected = 0, checksum;
    char *bytes = malloc(FILE_BYTES);
    size_t got = 0;
    int fd;

    (void)state;
    assert_int_equal(pread(stored_fd, bytes, FILE_BYTES, 0), FILE_BYTES);
    for (int i = 0; i < FILE_BYTES; i++)
        expected = expected * 31 + (unsigned char)bytes[i];
    fd = dial();
    say(fd, "GET /file HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_int_equal(drink(fd, 65536, 0, &checksum), FILE_BYTES);
    assert_int_equal(checksum, expected);
    close(fd);
    /* The limit is for each step. Should the machine not let us read in time, we try again. */
    start_again(32, (struct limits){.send = 800});
    for (int try = 0; try < TRIES && got != FILE_BYTES; try++) {
        fd = dial();
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){32768}, sizeof(int));
        say(fd, "GET /file HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        got = drink(fd, 65536, 20, &checksum);
        close(fd);
    }
    assert_int_equal(got, FILE_BYTES);
    assert_int_equal(checksum, expected);
    start_again(32, (struct limits){0});
    free(bytes);
}

static void who_reads_nothing_is_let_go(void **state)
{
    struct pollfd waiting = {.events = POLLIN};
    int64_t began_ms;

    (void)state;
    start_again(32, (struct limits){.send = 800});
    began_ms = clock_monotonic_ms();
    waiting.fd = dial();
    setsockopt(waiting.fd, SOL_SOCKET, SO_RCVBUF, &(int){4096}, sizeof(int));
    say(waiting.fd, "GET /file HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(poll(&waiting, 1, LONG_MS), 1);
    while (metrics_requests_in_flight(metrics) && clock_monotonic_ms() - began_ms < LONG_MS)
        poll(NULL, 0, 20);
    assert_int_equal(metrics_requests_in_flight(metrics), 0);
    assert_in_range(clock_monotonic_ms() - began_ms, 400, LONG_MS);
    close(waiting.fd);
    start_again(32, (struct limits){0});
}

/* Sends a byte every 100 ms until the server has had enough. */
static int64_t trickle(int fd, char byte)
{
    int64_t began_ms = clock_monotonic_ms();
    struct pollfd waiting = {.fd = fd, .events = POLLIN};

    while (poll(&waiting, 1, 100) == 0 && clock_monotonic_ms() - began_ms < LONG_MS)
        send(fd, &byte, 1, MSG_NOSIGNAL);
    return clock_monotonic_ms() - began_ms;
}

/* A head that never ends, behind so many that do. Returns the code of its answer; 0 where the
 * machine was too slow even to begin it in time. */
static int code_of_slow_head(int heads_before)
{
    static const char begun[] = "GET /hello HTTP/1.1\r\nHost: x\r\nX: ";
    int fd = dial(), code = 0;

    for (int i = 0; i < heads_before; i++) {
        say(fd, NEXT);
        if (code_of(hear_answers(fd, 1)->text) != 200)
            goto done;
    }
    say(fd, begun);
    assert_in_range(trickle(fd, 'y'), 0, LONG_MS - 1);
    shutdown(fd, SHUT_WR);
    code = code_of(hear_all(fd)->text);
done:
    close(fd);
    return code;
}

static void a_slow_head_gets_408(void **state)
{
    (void)state;
    start_again(32, (struct limits){.head = 600});
    for (int before = 0; before < 2; before++) { /* also the second on a connection */
        int64_t began_ms = 0;
        int code = 0;

        for (int try = 0; try < TRIES && !code; try++) {
            began_ms = clock_monotonic_ms();
            code = code_of_slow_head(before);
        }
        assert_int_equal(code, 408);
        assert_in_range(clock_monotonic_ms() - began_ms, 300, LONG_MS);
    }
    start_again(32, (struct limits){0});
}

static void a_slow_body_gets_408(void **state)
{
    static const char *const texts[] = {
        "PUT /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n",
        "PUT /sink HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n500\r\n",
    };

    (void)state;
    start_again(32, (struct limits){.body = 1000});
    for (size_t row = 0; row < sizeof texts / sizeof *texts; row++) {
        int64_t began_ms = clock_monotonic_ms();
        int fd = dial();

        say(fd, texts[row]);
        assert_in_range(trickle(fd, 'y'), 0, LONG_MS - 1);
        assert_in_range(clock_monotonic_ms() - began_ms, 800, LONG_MS);
        shutdown(fd, SHUT_WR);
        assert_int_equal(code_of(hear_all(fd)->text), 408);
        close(fd);
    }
    start_again(32, (struct limits){0});
}

/* Longer than a head may take and an idle connection stay. Tried again where the machine was too
 * slow to send the head in time. */
static void a_body_that_pauses_is_waited_for(void **state)
{
    bool is_waited_for = false;

    (void)state;
    start_again(32, (struct limits){.head = 400, .keep_alive = 400});
    for (int try = 0; try < TRIES && !is_waited_for; try++) {
        int fd = dial();

        say(fd, "PUT /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345");
        poll(NULL, 0, 1000);
        say(fd, "67890");
        is_waited_for = strstr(hear_answers(fd, 1)->text, "got 10\n") != NULL;
        close(fd);
    }
    assert_true(is_waited_for);
    start_again(32, (struct limits){0});
}

static void idle_connections_end_without_a_word(void **state)
{
    struct heard *heard;
    int fd, silent;

    (void)state;
    start_again(32, (struct limits){.head = 600, .keep_alive = 1000});
    do { /* again, where the machine was too slow to ask in time */
        fd = dial();
        say(fd, NEXT);
        heard = hear_answers(fd, 1);
    } while (!heard->length && !close(fd));
    silent = dial();
    assert_int_equal(code_of(heard->text), 200);
    heard = hear_all(fd);
    assert_true(heard->is_closed);
    assert_int_equal(heard->length, 0);
    heard = hear_all(silent);
    assert_true(heard->is_closed);
    close(fd);
    close(silent);
    start_again(32, (struct limits){0});
}

static void a_large_refused_body_still_gets_its_answer(void **state)
{
    static const char *const texts[] = {
        "PUT /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n",
        "PUT /refuse-late HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n",
    };
    char *body = calloc(1, 3000000);

    (void)state;
    for (size_t row = 0; row < sizeof texts / sizeof *texts; row++) {
        int fd = dial();

        say(fd, texts[row]);
        say_bytes(fd, body, row ? 3000000 : 900000);
        assert_int_equal(code_of(hear_answers(fd, 1)->text), 403);
        if (row) {
            say(fd, NEXT);
            assert_int_equal(code_of(hear_answers(fd, 1)->text), 200);
        }
        close(fd);
    }
    free(body);
}

static void the_library_behaves_as_the_shim_expects(void **state)
{
    (void)state;
    assert_true(listener_knows_sockets(listener));
    assert_true(listener_has_stacks(listener));
}

/* More clients than workers, each asking again and again over one connection. */
enum { CROWD = 100, ROUNDS = 5 };

static void *ask_often(void *argument)
{
    int *served = argument, fd = -1;
    char text[1024];

    for (int round = 0; round < ROUNDS; round++) {
        ssize_t got = -1;

        if (fd >= 0 && send(fd, NEXT, strlen(NEXT), MSG_NOSIGNAL) > 0)
            got = recv(fd, text, sizeof text - 1, 0);
        if (got <= 0) { /* evicted while idle: a client dials again */
            if (fd >= 0)
                close(fd);
            fd = dial();
            say(fd, NEXT);
            got = recv(fd, text, sizeof text - 1, 0);
        }
        if (got > 0 && !strncmp(text, "HTTP/1.1 200", 12))
            (*served)++;
        poll(NULL, 0, 50);
    }
    poll(NULL, 0, 1500); /* holds its connection as long as it may */
    if (fd >= 0)
        close(fd);
    return NULL;
}

static void idle_clients_leave_room_for_new_ones(void **state)
{
    pthread_t threads[CROWD];
    int served[CROWD] = {0};

    (void)state;
    start_again(16, (struct limits){.keep_alive = 1000});
    for (int i = 0; i < CROWD; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_often, &served[i]), 0);
    for (int i = 0; i < CROWD; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < CROWD; i++)
        assert_int_equal(served[i], ROUNDS);
    start_again(32, (struct limits){0});
}

static size_t threads_now(void)
{
    DIR *folder = opendir("/proc/self/task");
    size_t count = 0;

    while (readdir(folder))
        count++;
    closedir(folder);
    return count - 2; /* without "." and ".." */
}

/* A thread that was joined is still listed for a moment. */
static size_t threads_at_rest(void)
{
    size_t count = threads_now(), again;

    for (poll(NULL, 0, 200); (again = threads_now()) != count; poll(NULL, 0, 200))
        count = again;
    return count;
}

static void wait_until_held(int count)
{
    int64_t began_ms = clock_monotonic_ms();

    while (atomic_load(&held) < count && clock_monotonic_ms() - began_ms < LONG_MS)
        poll(NULL, 0, 5);
    assert_int_equal(atomic_load(&held), count);
}

static void workers_are_made_when_connections_need_them(void **state)
{
    enum { WORKERS = 300, HELD = 60, FEW = 24 };
    int fds[HELD];
    size_t before, at_start;
    char text[512];

    atomic_store(&held, 0);
    atomic_store(&let_go, false);
    stop(state);
    before = threads_at_rest();
    start_with(WORKERS, (struct limits){0});
    at_start = threads_now();
    assert_in_range(at_start, before + 1, before + FEW);
    for (int i = 0; i < HELD; i++) {
        fds[i] = dial();
        say(fds[i], "GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    wait_until_held(HELD);
    assert_in_range(threads_now(), at_start + HELD, before + WORKERS + FEW);
    atomic_store(&let_go, true);
    for (int i = 0; i < HELD; i++) {
        assert_true(recv(fds[i], text, sizeof text, 0) > 0);
        assert_int_equal(code_of(text), 200);
    }
    stop(state);
    assert_int_equal(threads_at_rest(), before);
    for (int i = 0; i < HELD; i++)
        close(fds[i]);
    start_with(32, (struct limits){0});
}

/* Lets the held request go when nobody can connect any more. */
static void *let_go_when_closed(void *context)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    bool is_closed = false;

    (void)context;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    while (!is_closed) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        is_closed = connect(fd, (struct sockaddr *)&address, sizeof address) != 0;
        close(fd);
        poll(NULL, 0, 5);
    }
    atomic_store(&let_go, true);
    return NULL;
}

static void stopping_lets_requests_finish_and_takes_no_more(void **state)
{
    int running = dial(), idle = dial();
    pthread_t thread;

    (void)state;
    atomic_store(&held, 0);
    atomic_store(&let_go, false);
    say(idle, NEXT);
    assert_int_equal(code_of(hear_answers(idle, 1)->text), 200);
    say(running, "GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_until_held(1);
    assert_int_equal(pthread_create(&thread, NULL, let_go_when_closed, NULL), 0);
    listener_stop(listener, LONG_MS);
    metrics_free(metrics);
    pthread_join(thread, NULL);
    assert_int_equal(code_of(hear_all(running)->text), 200);
    assert_true(hear_all(idle)->is_closed);
    start_with(32, (struct limits){0});
    close(running);
    close(idle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_library_behaves_as_the_shim_expects),
        cmocka_unit_test(no_head_smuggles_a_second_request),
        cmocka_unit_test(the_head_has_63_fields_and_a_size),
        cmocka_unit_test(a_request_behind_an_early_answer_is_heard),
        cmocka_unit_test(the_answer_to_head_has_a_length_and_no_body),
        cmocka_unit_test(continue_is_said_only_to_who_is_let_in),
        cmocka_unit_test(a_body_cut_short_is_never_taken_for_whole),
        cmocka_unit_test(a_file_arrives_whole_also_at_a_slow_reader),
        cmocka_unit_test(who_reads_nothing_is_let_go),
        cmocka_unit_test(a_slow_head_gets_408),
        cmocka_unit_test(a_slow_body_gets_408),
        cmocka_unit_test(a_body_that_pauses_is_waited_for),
        cmocka_unit_test(idle_connections_end_without_a_word),
        cmocka_unit_test(a_large_refused_body_still_gets_its_answer),
        cmocka_unit_test(stopping_lets_requests_finish_and_takes_no_more),
        cmocka_unit_test(idle_clients_leave_room_for_new_ones),
        cmocka_unit_test(workers_are_made_when_connections_need_them),
    };
    char name[] = "/tmp/listener-test-XXXXXX", block[4096];
    int failed;

    log_set_level(LOG_ERROR);
    stored_fd = mkstemp(name);
    unlink(name);
    for (int at = 0; at < FILE_BYTES; at += (int)sizeof block) {
        for (size_t i = 0; i < sizeof block; i++)
            block[i] = (char)((at + (int)i) * 2654435761u >> 13);
        if (write(stored_fd, block, sizeof block) != (ssize_t)sizeof block)
            return 1;
    }
    failed = cmocka_run_group_tests(tests, start, stop);
    close(stored_fd);
    return failed;
}
