/* What an operator may decide. The table in settings.c is the one place where a setting's name,
 * default, limits and meaning stand: the YAML file, the environment (PACKHOUSE_NAME), the flags
 * (--name VALUE), `packhouse config` and docs/settings.md all follow from it. Modules are handed
 * values; none asks for its own. */
#pragma once
#include "config/error.h"
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { SETTINGS_MAX = 64 };

/* Plain values, checked against their limits. Texts are never NULL and belong to the struct. */
struct settings {
    /* Where things are. */
    char *data, *listen;
    char *public_url; /* "": the address that the listener got; no final slash */
    char *ready_file; /* "": none */
    /* What is told. */
    int64_t log_level; /* an enum log_level */
    char *access_log;  /* "off", "stderr" or a path */
    /* Connections. */
    int64_t workers;
    int64_t request_head_max; /* bytes of request line and headers */
    int64_t request_head_timeout_ms, keep_alive_timeout_ms;
    int64_t body_timeout_ms; /* for each 64 KiB of a body that is read */
    int64_t send_timeout_ms; /* without a byte taken by the client */
    int64_t shutdown_grace_ms;
    /* Limits of what comes in. The first three: 0 is none. */
    int64_t npm_publish_max, wheel_max, artifact_max, api_body_max;
    int64_t npm_json_depth, npm_audit_max;
    int64_t archive_entries_max, archive_bytes_max;
    int64_t archive_ratio_max; /* inflated : stored, looked at above archive_ratio_from bytes */
    int64_t archive_ratio_from;
    int64_t multipart_parts_max, multipart_field_max, multipart_text_max;
    /* Memory and storage. */
    int64_t document_cache_size, file_cache_size;
    int64_t writer_group_max, writer_queue_max;
    int64_t readers; /* 0: four for each core */
    int64_t trash_days, sweep_grace_hours, fetch_log_days, org_quota, upstream_cache_max;
    int64_t disk_warn_percent, disk_warn_bytes;
    int64_t disk_refuse_percent, disk_refuse_bytes;
    int64_t reserve_size;
    bool allow_unsafe_fs;
    bool stay_readonly; /* after a failed flush: go on reading instead of exiting with 70 */
    /* Upstreams. */
    char *upstream_allow_addresses, *upstream_ca_file; /* "": none; the system's */
    int64_t upstream_connections;
    int64_t upstream_connect_timeout_ms, upstream_first_byte_timeout_ms, upstream_stall_timeout_ms;
    int64_t upstream_retries;
    /* What is kept of upstreams. */
    int64_t upstream_fresh_ms, upstream_stale_ms, upstream_stale_if_error_ms;
    int64_t upstream_document_max, upstream_document_ratio_max;
    int64_t upstream_verify_first_max, upstream_file_max; /* the second: 0 is none */
    int64_t upstream_refuse_percent, upstream_refuse_bytes;

    /* What the client commands read. "": not given. */
    char *url, *token, *repo;

    uint8_t origins[SETTINGS_MAX]; /* an enum setting_origin for each row of the table */
};

/* Whose settings a command takes. */
enum setting_group { SETTING_SERVER = 1, SETTING_CLIENT = 2 };

/* From the weakest to the strongest. */
enum setting_origin {
    ORIGIN_DEFAULT,
    ORIGIN_FILE,
    ORIGIN_ENVIRONMENT,
    ORIGIN_PROFILE,
    ORIGIN_FLAG
};

/* Every setting at its default. settings_clear() gives the texts back. */
void settings_init(struct settings *settings);
void settings_clear(struct settings *settings);

/* Reads a YAML mapping of names to values. Any unknown, repeated or wrong one is a
 * STATUS_INVALID with "name:line:" in front. origin is ORIGIN_FILE or ORIGIN_PROFILE. */
enum status settings_read_yaml(struct settings *settings, enum setting_group group,
                               enum setting_origin origin, const char *name, const char *text,
                               size_t length, struct error *err);
/* The same from a file. STATUS_NOT_FOUND without it. */
enum status settings_read_file(struct settings *settings, enum setting_group group,
                               enum setting_origin origin, const char *path, struct error *err);
/* Reads PACKHOUSE_NAME and, for secrets, PACKHOUSE_NAME_FILE. Other variables are left alone. */
enum status settings_read_environment(struct settings *settings, enum setting_group group,
                                      const char *const *environment, struct error *err);
/* The next variable from *at on that is called PACKHOUSE_… and means nothing here: surely a slip of
 * the pen. NULL when there are no more. */
const char *settings_unknown_variable(const char *const *environment, size_t *at);
/* Takes "--name VALUE" and "--name=VALUE" out of argv; what is left stays in order. Names may have
 * '-' for '_'; a yes-or-no one needs no value. "--" ends them. */
enum status settings_read_flags(struct settings *settings, enum setting_group group, int *argc,
                                const char **argv, struct error *err);
/* File (--config FILE or PACKHOUSE_CONFIG), environment and flags, the stronger over the weaker,
 * and what only makes sense together. */
enum status settings_load(struct settings *settings, int *argc, const char **argv,
                          const char *const *environment, struct error *err);

/* Where a setting's value came from. The name stands in the table. */
enum setting_origin settings_origin(const struct settings *settings, const char *name);

/* Writes the commented example file, and the page docs/settings.md. */
void settings_write_example(FILE *out);
void settings_write_page(FILE *out);
/* The flags, for --help; one may be left out by its name. */
void settings_write_flags(enum setting_group group, const char *except, FILE *out);
/* "name: value" lines with where each came from, or one JSON object; secrets are not shown. */
void settings_write_values(const struct settings *settings, bool as_json, FILE *out);

