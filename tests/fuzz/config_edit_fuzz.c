/* Whatever stands in a client's file: a value is put in, or refused in words. */
#include "server/commands/config_edit.h"
#include "storage/memory/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum status edit_with(int editor, struct config_edit *edit, struct error *err)
{
    static const struct config_member block[] = {
        {"name", "\"packhouse\""}, {"url", "\"U\""}, {"default", "true"}, {0}};
    static const char *const items[] = {"h", "@a/*", NULL};
    static const char *const path[] = {"npmRegistries", "//h/npm/a/m", NULL};

    switch (editor) {
    case 0: lines_put(edit, &npmrc_form, NULL, "registry", "U"); return STATUS_OK;
    case 1: lines_put(edit, &yarnrc_form, NULL, "registry", "\"U\""); return STATUS_OK;
    case 2: lines_put(edit, &pip_conf_form, "global", "index-url", "U"); return STATUS_OK;
    case 3: return toml_put(edit, "install", "registry", "\"U\"", err);
    case 4: return toml_put_block(edit, "tool.uv.index", block, err);
    case 5: return yaml_put(edit, path, block, err);
    case 6: return yaml_put_items(edit, "unsafeHttpWhitelist", items, err);
    case 7: lines_put_items(edit, &npmrc_form, "own", items); return STATUS_OK;
    case 8: return toml_put_items(edit, "install", "own", items, err);
    case 9: return toml_put_keys(edit, "tool.uv.own", items, "false", err);
    default: return netrc_put(edit, "h", "__token__", "pkhp_new", err);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    const char *text = arena_copy_bytes(arena, data, size);
    struct config_edit edit;

    for (int editor = 0; editor < 11; editor++) {
        struct error err = {0};

        config_edit_init(&edit, arena, text);
        for (int times = 0; times < 2; times++)
            if (edit_with(editor, &edit, &err) ? !err.message[0] : !edit.text[0])
                abort();
    }
    arena_free(arena);
    return 0;
}
