#include "server/commands/data.h"

struct catalog_options data_catalog_options(const struct settings *settings)
{
    return (struct catalog_options){
        .data = settings->data,
        .readers = (size_t)settings->readers,
        .writer_group_max = (size_t)settings->writer_group_max,
        .writer_queue_max = (size_t)settings->writer_queue_max,
        .refuse_bytes = settings->disk_refuse_bytes,
        .refuse_percent = (int)settings->disk_refuse_percent,
        .org_quota = settings->org_quota,
        .reserve_bytes = settings->reserve_size,
        .allow_unsafe_fs = settings->allow_unsafe_fs,
        .file_cache_bytes = (size_t)settings->file_cache_size,
    };
}

enum status data_make_token(struct catalog *catalog, const struct account *account,
                            const char *name, struct arena *arena, char text[TOKEN_SIZE],
                            struct error *err)
{
    const struct principal itself = {.account_id = account->id, .name = account->name, .is_owner = true};
    const struct actor actor = {.principal = &itself, .peer = "local"};
    struct token token = {.account_id = account->id, .name = name, .actions = ACTIONS_ALL};

    return catalog_create_token(catalog, &actor, &token, arena, text, err);
}
