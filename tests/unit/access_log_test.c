#include "server/access_log.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64], path[96], moved[96];

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/access-log-XXXXXX");
    if (!mkdtemp(folder))
        return 1;
    snprintf(path, sizeof path, "%s/log", folder);
    snprintf(moved, sizeof moved, "%s/log.1", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    unlink(moved);
    return rmdir(folder);
}

static struct access_log *open_log(void)
{
    struct access_log *log;
    struct error error;

    assert_int_equal(access_log_open(path, &log, &error), STATUS_OK);
    return log;
}

static const char *content_of(const char *file)
{
    static char text[1 << 20];
    FILE *stream = fopen(file, "r");

    assert_non_null(stream);
    text[fread(text, 1, sizeof text - 1, stream)] = '\0';
    fclose(stream);
    return text;
}

static const struct access_entry example = {
    .time_us = 1764061200123000,
    .took_us = 1842,
    .sent_bytes = 1234,
    .peer = "127.0.0.1",
    .account = "alice",
    .method = "GET",
    .path = "/npm/acme/main/hello",
    .id = "4bf92f3577b34da6a3ce929d0e0e4736",
    .code = 200,
};

/* What stands in the line for a path, an account or a method that someone made up. */
static const struct {
    const char *account, *method, *path, *expected;
} rows[] = {
    {"alice",  "GET",    "/npm/acme/main/hello",                        "alice GET /npm/acme/main/hello 200"},
    {"",       "",       "",                                            "- - - 200"                         },
    {"a b\nc", "GET",    "/x",                                          "a?b?c GET /x 200"                  },
    {"alice",  "GET",    "/a\r\n2026 forged",                           "alice GET /a??2026?forged 200"     },
    {"alice",  "DELETE", "/-/user/token/pkhp_qC10ohtBpZVPHgNKTzoEoUAM",
     "alice DELETE /-/user/token/pkhp_* 200"                                                                },
    {"alice",  "GET",    "/pkhs_abc/pkhp_def",                          "alice GET /pkhs_*/pkhp_* 200"      },
    {"alice",  "GET",    "/pkh/pkhp",                                   "alice GET /pkh/pkhp 200"           },
};

static void a_line_has_one_word_for_each_thing_and_no_token(void **state)
{
    (void)state;
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        struct access_log *log = open_log();
        struct access_entry entry = example;
        char expected[512];

        entry.account = rows[row].account;
        entry.method = rows[row].method;
        entry.path = rows[row].path;
        access_log_write(log, &entry);
        access_log_close(log);
        snprintf(expected, sizeof expected, "2025-11-25T09:00:00.123Z 127.0.0.1 %s 1234 1.8 %s\n",
                 rows[row].expected, example.id);
        assert_string_equal(content_of(path), expected);
        unlink(path);
    }
}

static void a_path_without_end_is_cut(void **state)
{
    struct access_log *log = open_log();
    struct access_entry entry = example;
    char *endless = malloc(20000);

    (void)state;
    memset(endless, 'x', 19999);
    endless[19999] = '\0';
    entry.path = endless;
    entry.account = endless;
    access_log_write(log, &entry);
    access_log_close(log);
    assert_in_range(strlen(content_of(path)), 500, 1000);
    free(endless);
}

enum { WRITERS = 8, LINES = 500 };

static void *write_lines(void *log)
{
    for (int i = 0; i < LINES; i++)
        access_log_write(log, &example);
    return NULL;
}

static void lines_of_many_threads_never_mix_and_none_is_lost(void **state)
{
    struct access_log *log = open_log();
    pthread_t threads[WRITERS];
    const char *at;
    int lines = 0;

    (void)state;
    unlink(moved);
    for (int i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_lines, log), 0);
    for (int i = 0; i < WRITERS; i++)
        pthread_join(threads[i], NULL);
    access_log_close(log);
    for (at = content_of(path); *at; at = strchr(at, '\n') + 1, lines++)
        assert_memory_equal(at, "2025-11-25T09:00:00.123Z 127.0.0.1 alice GET ", 45);
    assert_int_equal(lines, WRITERS * LINES);
}

static void a_file_moved_away_is_followed_by_a_new_one(void **state)
{
    struct access_log *log = open_log();
    struct stat found;

    (void)state;
    access_log_write(log, &example);
    assert_int_equal(rename(path, moved), 0);
    access_log_reopen(log);
    for (int i = 0; i < 60000 && stat(path, &found); i++)
        usleep(10000);
    access_log_write(log, &example);
    access_log_close(log);
    assert_non_null(strstr(content_of(moved), "alice"));
    assert_non_null(strstr(content_of(path), "alice"));
}

static void off_is_no_log_and_a_bad_path_is_an_error(void **state)
{
    struct access_log *log;
    struct error error;

    (void)state;
    assert_int_equal(access_log_open("off", &log, &error), STATUS_OK);
    assert_null(log);
    access_log_write(log, &example);
    access_log_close(log);
    assert_int_equal(access_log_open("/nowhere/at/all", &log, &error), STATUS_INTERNAL);
    assert_non_null(strstr(error.message, "/nowhere/at/all"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_line_has_one_word_for_each_thing_and_no_token,
                                        make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_path_without_end_is_cut, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(lines_of_many_threads_never_mix_and_none_is_lost,
                                        make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_file_moved_away_is_followed_by_a_new_one, make_folder,
                                        remove_folder),
        cmocka_unit_test(off_is_no_log_and_a_bad_path_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
