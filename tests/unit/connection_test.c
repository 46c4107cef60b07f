/* A connection whose socket is not known: what the library is left to do for it. */
#include "server/connection.h"

#include "server/body_reader.h"
#include "server/request_head.h"
#include "server/watchdog.h"
#include "storage/memory/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { FILE_BYTES = 700 * 1000, OFFSET = 1000 };

/* Takes what is written, up to a limit; gives what is to be read, piece by piece. */
struct library {
    char *written;
    size_t length, limit;
    const char *to_read;
};

static bool take(void *context, const void *bytes, size_t size)
{
    struct library *library = context;

    if (size > library->limit - library->length)
        return false;
    memcpy(library->written + library->length, bytes, size);
    library->length += size;
    return true;
}

static int give(void *context, void *buffer, size_t size)
{
    struct library *library = context;
    size_t length = strlen(library->to_read);

    if (length > 3)
        length = 3;
    if (length > size)
        length = size;
    memcpy(buffer, library->to_read, length);
    library->to_read += length;
    return (int)length;
}

static struct watchdog *watchdog;

static struct connection made_of(struct library *library)
{
    return (struct connection){
        .fd = -1, .watchdog = watchdog, .library = library, .read = give, .write = take};
}

static void a_file_is_copied_where_it_cannot_be_sent(void **state)
{
    char name[] = "/tmp/connection-test-XXXXXX", *bytes = malloc(FILE_BYTES);
    int fd = mkstemp(name);
    struct library library = {.written = malloc(FILE_BYTES), .limit = FILE_BYTES};
    struct connection connection = made_of(&library);

    (void)state;
    unlink(name);
    for (int i = 0; i < FILE_BYTES; i++)
        bytes[i] = (char)((unsigned)i * 2654435761u >> 11);
    assert_int_equal(write(fd, bytes, FILE_BYTES), FILE_BYTES);
    assert_true(connection_send_file(&connection, "head", 4, fd, OFFSET, FILE_BYTES - OFFSET));
    assert_int_equal(library.length, 4 + FILE_BYTES - OFFSET);
    assert_memory_equal(library.written, "head", 4);
    assert_memory_equal(library.written + 4, bytes + OFFSET, FILE_BYTES - OFFSET);

    library.length = 0; /* a file that is shorter than its row says */
    assert_false(connection_send_file(&connection, "head", 4, fd, OFFSET, FILE_BYTES));
    library.length = 0; /* a client that goes away */
    library.limit = 300 * 1000;
    assert_false(connection_send_file(&connection, "head", 4, fd, 0, FILE_BYTES));
    close(fd);
    free(bytes);
    free(library.written);
}

static void a_body_is_whole_only_with_its_last_byte(void **state)
{
    static const struct {
        const char *sent;
        int64_t length;
        enum status expected;
    } rows[] = {
        {"0123456789", 10, STATUS_OK     },
        {"0123456789", 9,  STATUS_OK     },
        {"012345678",  10, STATUS_INVALID},
        {"",           10, STATUS_INVALID},
        {"",           0,  STATUS_OK     },
    };
    struct arena *arena = arena_new();

    (void)state;
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        struct library library = {.to_read = rows[row].sent};
        struct connection connection = made_of(&library);
        struct request_framing framing = {.content_length = rows[row].length};
        struct body_reader body;
        struct error error;
        char buffer[32];
        size_t got;

        body_reader_init(&body, &connection, &framing, 1000, arena);
        assert_int_equal(reader_read_all(&body.reader, buffer, sizeof buffer, &got, &error),
                         rows[row].expected);
        if (!rows[row].expected)
            assert_int_equal(got, rows[row].length);
    }
    arena_free(arena);
}

static int start(void **state)
{
    (void)state;
    watchdog = watchdog_start(&(struct watchdog_limits){.connections = 4, .head_timeout_ms = 1000});
    return 0;
}

static int stop(void **state)
{
    (void)state;
    watchdog_stop(watchdog);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_copied_where_it_cannot_be_sent),
        cmocka_unit_test(a_body_is_whole_only_with_its_last_byte),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
