#include "config/log.h"
#include "config/settings_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static int setup(void **state)
{
    static struct settings settings;

    settings_init(&settings);
    *state = &settings;
    return 0;
}

static int teardown(void **state)
{
    settings_clear(*state);
    return 0;
}

static enum status read_yaml(struct settings *settings, const char *text, struct error *err)
{
    return settings_read_yaml(settings, SETTING_SERVER, ORIGIN_FILE, "p.yaml", text, strlen(text),
                              err);
}

static void a_file_sets_what_it_names(void **state)
{
    struct settings *settings = *state;
    struct error err = {0};

    assert_int_equal(read_yaml(settings,
                               "# a comment\n"
                               "data: /srv/packhouse\n"
                               "public_url: \"https://packages.example.com/\"\n"
                               "npm_publish_max: 2 GiB\n"
                               "keep_alive_timeout: 5s\n"
                               "workers: 64\n"
                               "log_level: warn\n"
                               "stay_readonly: yes\n"
                               "access_log: off\n",
                               &err),
                     STATUS_OK);
    assert_string_equal(settings->data, "/srv/packhouse");
    assert_string_equal(settings->public_url, "https://packages.example.com");
    assert_int_equal(settings->npm_publish_max, INT64_C(2) << 30);
    assert_int_equal(settings->keep_alive_timeout_ms, 5000);
    assert_int_equal(settings->workers, 64);
    assert_int_equal(settings->log_level, LOG_WARN);
    assert_true(settings->stay_readonly);
    assert_string_equal(settings->access_log, "off");
    assert_string_equal(settings->listen, "127.0.0.1:8080");
}

/* Each mistake is told with its line, in words that help. */
static const struct {
    const char *given, *expected;
} mistakes[] = {
    {"data: /x\nlistne: 1\n",              "p.yaml:2: unknown setting 'listne'; did you mean listen?"       },
    {"colour: red\n",                      "p.yaml:1: unknown setting 'colour'"                             },
    {"url: http://x\n",                    "p.yaml:1: unknown setting 'url'"                                },
    {"keep-alive-timeout: 1s\n",
     "p.yaml:1: unknown setting 'keep-alive-timeout'; did you mean keep_alive_timeout?"                     },
    {"workers: 3\n",                       "p.yaml:1: workers: '3' is not between 4 and 65536"              },
    {"\n\nworkers: 65537\n",               "p.yaml:3: workers: '65537' is not between 4 and 65536"          },
    {"workers: many\n",                    "p.yaml:1: workers: 'many' is no number"                         },
    {"workers:\n",                         "p.yaml:1: workers: '' is no number"                             },
    {"keep_alive_timeout: 65\n",           "p.yaml:1: keep_alive_timeout: '65' has no unit that is known; "
                                 "write it with ms, s, m, h or d"           },
    {"api_body_max: 1 MB\n",               "p.yaml:1: api_body_max: '1 MB' has no unit that is known; write it "
                             "with B, KiB, MiB, GiB or TiB"                     },
    {"api_body_max: 1 GiB\n",              "p.yaml:1: api_body_max: '1 GiB' is not between 1 KiB and 64 MiB"},
    {"log_level: loud\n",                  "p.yaml:1: log_level: 'loud' is none of debug|info|warn|error"   },
    {"stay_readonly: perhaps\n",           "p.yaml:1: stay_readonly: 'perhaps' is neither true nor false"   },
    {"listen: 8080\n",                     "p.yaml:1: listen: '8080' must be ADDRESS:PORT"                  },
    {"listen: 127.0.0.1:65536\n",
     "p.yaml:1: listen: '127.0.0.1:65536' must end in a port from 0 to 65535"                               },
    {"public_url: packages.example.com\n",
     "p.yaml:1: public_url: 'packages.example.com' must begin with http:// or https://"                     },
    {"public_url: https://me@h/\n",
     "p.yaml:1: public_url: 'https://me@h/' must be a plain address, "
     "without user, query or fragment"                                                                      },
    {"public_url: https:///x\n",           "p.yaml:1: public_url: 'https:///x' must name a host"            },
    {"data: \"\"\n",                       "p.yaml:1: data: '' must not be empty"                           },
    {"data: \"a\\tb\"\n",                  "p.yaml:1: data: has a control character"                        },
    {"data: \"a\\0b\"\n",                  "p.yaml:1: data has a control character"                         },
    {"workers: 8\nworkers: 9\n",           "p.yaml:2: workers is set twice"                                 },
    {"workers: [8]\n",                     "p.yaml:1: workers takes one value, no list or mapping"          },
    {"data: &a x\nlisten: *a\n",           "p.yaml:2: listen takes one value, no list or mapping"           },
    {"? [a]\n: b\n",                       "p.yaml:1: a setting's name must be one word"                    },
    {"- data\n",                           "p.yaml:1: expected lines of the form \"name: value\""           },
    {"data\n",                             "p.yaml:1: expected lines of the form \"name: value\""           },
    {"data: x\n---\nlisten: y\n",          "p.yaml:3: a second document"                                    },
    {"data: 'x\n",                         "p.yaml:2: found unexpected end of stream"                       },
    {"\tdata: x\n",                        "p.yaml:1: found character that cannot start any token"          },
    {"data: \xff\n",                       "p.yaml:1: invalid leading UTF-8 octet"                          },
};

static void each_mistake_is_told_with_its_line(void **state)
{
    for (size_t row = 0; row < COUNT(mistakes); row++) {
        struct error err = {0};

        if (read_yaml(*state, mistakes[row].given, &err) != STATUS_INVALID ||
            strcmp(err.message, mistakes[row].expected))
            fail_msg("row %zu: expected\n%s\ngot\n%s", row, mistakes[row].expected, err.message);
    }
}

static void an_empty_file_changes_nothing(void **state)
{
    static const char *const texts[] = {"", "\n", "# nothing\n", "---\n", "{}\n"};

    for (size_t row = 0; row < COUNT(texts); row++)
        assert_int_equal(read_yaml(*state, texts[row], NULL), STATUS_OK);
}

/* Whoever removes all the '#' of the example gets the defaults back. */
static void the_example_holds_every_default(void **state)
{
    struct settings *settings = *state, defaults;
    char *text, *from, *to;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    struct error err = {0};

    settings_write_example(out);
    fclose(out);
    for (from = to = text; *from; *to++ = *from++)
        if (*from == '#' && (from == text || from[-1] == '\n') && from[1] != ' ')
            from++;
    *to = '\0';
    settings_init(&defaults);
    if (read_yaml(settings, text, &err))
        fail_msg("%s", err.message);
    for (size_t i = 0; i < settings_count; i++) {
        char given[128], expected[128];

        if (setting_group(&settings_table[i]) != SETTING_SERVER)
            continue;
        assert_int_equal(settings->origins[i], ORIGIN_FILE);
        setting_format(&settings_table[i], settings, given, sizeof given);
        setting_format(&settings_table[i], &defaults, expected, sizeof expected);
        assert_string_equal(given, expected);
    }
    settings_clear(&defaults);
    free(text);
}

/* A file with this content; the caller frees the path and removes the file. */
static char *write_file(const char *content)
{
    char *path = strdup("/tmp/settings_test.XXXXXX");
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), (ssize_t)strlen(content));
    close(fd);
    return path;
}

static void flags_win_over_environment_over_file(void **state)
{
    struct settings *settings = *state;
    char *path = write_file("data: file\nlisten: file:1\npublic_url: http://file\n");
    char config[64];
    const char *environment[] = {config, "PACKHOUSE_LISTEN=variable:2",
                                 "PACKHOUSE_PUBLIC_URL=http://variable", "HOME=/x", NULL};
    const char *argv[] = {"serve",     "--public-url=http://flag",
                          "rest",      "--stay-readonly",
                          "--workers", "7",
                          "--unknown", "--",
                          "--data",    "x",
                          NULL};
    int argc = COUNT(argv) - 1;
    struct error err = {0};

    snprintf(config, sizeof config, "PACKHOUSE_CONFIG=%s", path);
    if (settings_load(settings, &argc, argv, environment, &err))
        fail_msg("%s", err.message);
    assert_string_equal(settings->data, "file");
    assert_string_equal(settings->listen, "variable:2");
    assert_string_equal(settings->public_url, "http://flag");
    assert_int_equal(settings->workers, 7);
    assert_true(settings->stay_readonly);
    assert_int_equal(settings_origin(settings, "data"), ORIGIN_FILE);
    assert_int_equal(settings_origin(settings, "listen"), ORIGIN_ENVIRONMENT);
    assert_int_equal(settings_origin(settings, "public_url"), ORIGIN_FLAG);
    assert_int_equal(settings_origin(settings, "readers"), ORIGIN_DEFAULT);
    assert_int_equal(argc, 6); /* serve rest --unknown -- --data x */
    assert_string_equal(argv[1], "rest");
    assert_string_equal(argv[4], "--data");
    unlink(path);
    free(path);
}

static void a_wrong_variable_or_flag_names_itself(void **state)
{
    const char *environment[] = {"PACKHOUSE_WORKERS=0", NULL}, *none[] = {NULL};
    const char *flag[] = {"serve", "--workers", "0", NULL},
               *short_flag[] = {"serve", "--workers", NULL};
    const char *lost[] = {"serve", "--config", "/nonexistent/p.yaml", NULL};
    struct error err;
    int argc = 3;

    assert_int_equal(settings_load(*state, &argc, flag, environment, &err), STATUS_INVALID);
    assert_string_equal(err.message, "PACKHOUSE_WORKERS: workers: '0' is not between 4 and 65536");
    argc = 3;
    assert_int_equal(settings_load(*state, &argc, flag, none, &err), STATUS_INVALID);
    assert_string_equal(err.message, "--workers: '0' is not between 4 and 65536");
    argc = 2;
    assert_int_equal(settings_load(*state, &argc, short_flag, none, &err), STATUS_INVALID);
    assert_string_equal(err.message, "--workers takes a value");
    argc = 3;
    assert_int_equal(settings_load(*state, &argc, lost, none, &err), STATUS_NOT_FOUND);
    assert_string_equal(err.message, "/nonexistent/p.yaml does not exist");
}

static void a_warning_comes_before_a_refusal(void **state)
{
    const char *none[] = {NULL}, *argv[] = {"serve", "--disk-refuse-percent", "20", NULL};
    struct error err;
    int argc = 3;

    assert_int_equal(settings_load(*state, &argc, argv, none, &err), STATUS_INVALID);
    assert_non_null(strstr(err.message, "disk_warn_percent"));
}

static void a_secret_may_stand_in_a_file(void **state)
{
    struct settings *settings = *state;
    char *path = write_file("pkhp_secret\n"), variable[64];
    const char *environment[] = {variable, NULL};
    struct error err = {0};

    snprintf(variable, sizeof variable, "PACKHOUSE_TOKEN_FILE=%s", path);
    assert_int_equal(settings_read_environment(settings, SETTING_CLIENT, environment, &err),
                     STATUS_OK);
    assert_string_equal(settings->token, "pkhp_secret");
    unlink(path);
    assert_int_equal(settings_read_environment(settings, SETTING_CLIENT, environment, &err),
                     STATUS_INVALID);
    assert_non_null(strstr(err.message, "token_file: "));
    free(path);
}

static void a_slip_of_the_pen_in_a_variable_is_found(void **state)
{
    const char *environment[] = {"PACKHOUSE_DATA=x",     "PACKHOUSE_TOKEN_FILE=x",
                                 "PACKHOUSE_CONFIG=x",   "PACKHOUSE_LISTNE=x",
                                 "PACKHOUSE_PROFILE=x",  "PATH=x",
                                 "PACKHOUSE_data=lower", NULL};
    size_t at = 0;

    (void)state;
    assert_string_equal(settings_unknown_variable(environment, &at), "PACKHOUSE_LISTNE=x");
    assert_string_equal(settings_unknown_variable(environment, &at), "PACKHOUSE_data=lower");
    assert_null(settings_unknown_variable(environment, &at));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_sets_what_it_names, setup, teardown),
        cmocka_unit_test_setup_teardown(each_mistake_is_told_with_its_line, setup, teardown),
        cmocka_unit_test_setup_teardown(an_empty_file_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(the_example_holds_every_default, setup, teardown),
        cmocka_unit_test_setup_teardown(flags_win_over_environment_over_file, setup, teardown),
        cmocka_unit_test_setup_teardown(a_wrong_variable_or_flag_names_itself, setup, teardown),
        cmocka_unit_test_setup_teardown(a_warning_comes_before_a_refusal, setup, teardown),
        cmocka_unit_test_setup_teardown(a_secret_may_stand_in_a_file, setup, teardown),
        cmocka_unit_test(a_slip_of_the_pen_in_a_variable_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
