/* What is put into a client's file is there once; what was there stays, byte for byte. */
#include "server/commands/config_edit.h"
#include "storage/memory/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum editor { NPMRC, YARNRC, PIP_CONF, BUNFIG, BUN_SCOPE, UV, POETRY, BERRY, BERRY_TOKEN, BERRY_HOST, NETRC, NPM_OWN,
              BERRY_OWN, BUN_OWN, UV_OWN };

static enum status edit_with(enum editor editor, struct config_edit *edit, struct error *err)
{
    static const char *const document[] = {NULL}, *const registry[] = {"npmRegistries", "//h/npm/a/m", NULL};
    static const struct config_member server[] = {{"npmRegistryServer", "\"U\""}, {0}};
    static const struct config_member token[] = {{"npmAlwaysAuth", "true"}, {"npmAuthToken", "\"T\""}, {0}};
    static const struct config_member uv[] = {
        {"name", "\"packhouse\""}, {"url", "\"U\""}, {"default", "true"}, {0}};

    static const char *const hosts[] = {"h", NULL}, *const own[] = {"@a/*", "b", NULL}, *const names[] = {"a", "b-c", NULL};

    switch (editor) {
    case NPMRC: lines_put(edit, &npmrc_form, NULL, "registry", "U"); return STATUS_OK;
    case YARNRC: lines_put(edit, &yarnrc_form, NULL, "registry", "\"U\""); return STATUS_OK;
    case PIP_CONF: lines_put(edit, &pip_conf_form, "global", "index-url", "U"); return STATUS_OK;
    case BUNFIG: return toml_put(edit, "install", "registry", "\"U\"", err);
    case BUN_SCOPE: return toml_put(edit, "install.scopes", "\"@a\"", "\"U\"", err);
    case UV: return toml_put_block(edit, "tool.uv.index", uv, err);
    case POETRY: return toml_put_block(edit, "tool.poetry.source", uv, err);
    case BERRY: return yaml_put(edit, document, server, err);
    case BERRY_TOKEN: return yaml_put(edit, registry, token, err);
    case BERRY_HOST: return yaml_put_items(edit, "unsafeHttpWhitelist", hosts, err);
    case NPM_OWN: lines_put_items(edit, &npmrc_form, "own", own); return STATUS_OK;
    case BERRY_OWN: return yaml_put_items(edit, "own", own, err);
    case BUN_OWN: return toml_put_items(edit, "install", "own", own, err);
    case UV_OWN: return toml_put_keys(edit, "tool.uv.own", names, "false", err);
    case NETRC: return netrc_put(edit, "h", "__token__", "pkhp_new", err);
    }
    return STATUS_INTERNAL;
}

/* after NULL: it is refused. */
static const struct {
    enum editor editor;
    const char *before, *after;
} rows[] = {
    {NPMRC, "", "registry=U\n"},
    {NPMRC, "a=b", "a=b\nregistry=U\n"},
    {NPMRC, "; mine\nregistry = https://other/\nsave-exact=true\n", "; mine\nregistry=U\nsave-exact=true\n"},
    {NPMRC, "registry=x\r\na=b\r\n", "registry=U\r\na=b\r\n"},
    {NPMRC, "registry=x\nregistry=y\n", "registry=U\nregistry=U\n"},
    {NPMRC, "#registry=x\nregistry2=x\n@a:registry=x\n", "#registry=x\nregistry2=x\n@a:registry=x\nregistry=U\n"},
    {NPMRC, "a=b\n[team]\nregistry=x\n", "a=b\nregistry=U\n[team]\nregistry=x\n"},
    {NPMRC, "//h/:_authToken=secret", "//h/:_authToken=secret\nregistry=U\n"},
    {YARNRC, "", "registry \"U\"\n"},
    {YARNRC, "registry \"https://other/\"\nlastUpdateCheck 1\n", "registry \"U\"\nlastUpdateCheck 1\n"},
    {YARNRC, "\"registry\" \"x\"\n", "registry \"U\"\n"},
    {YARNRC, "registryx y\n", "registryx y\nregistry \"U\"\n"},
    {PIP_CONF, "", "[global]\nindex-url = U\n"},
    {PIP_CONF, "[global]\nIndex_URL: https://other/\ntimeout = 9\n", "[global]\nindex-url = U\ntimeout = 9\n"},
    {PIP_CONF, "[install]\nindex-url = x\n", "[install]\nindex-url = x\n\n[global]\nindex-url = U\n"},
    {PIP_CONF, "[global]\nfind-links =\n  a\n  b\n[list]\nformat = columns\n",
     "[global]\nindex-url = U\nfind-links =\n  a\n  b\n[list]\nformat = columns\n"},
    {BUNFIG, "", "[install]\nregistry = \"U\"\n"},
    {BUNFIG, "[install]\nregistry = { url = \"x\", token = \"s\" } # ours\n[test]\n",
     "[install]\nregistry = \"U\" # ours\n[test]\n"},
    {BUNFIG, "# c\n[test]\nregistry = \"x\"", "# c\n[test]\nregistry = \"x\"\n\n[install]\nregistry = \"U\"\n"},
    {BUNFIG, "[install]", "[install]\nregistry = \"U\"\n"},
    {BUNFIG, "[ install ]\nexact = true\n", "[ install ]\nregistry = \"U\"\nexact = true\n"},
    {BUNFIG, "install = { exact = true }\n", NULL},
    {BUNFIG, "install.exact = true\n", NULL},
    {BUN_SCOPE, "[install.scopes]\n\"@a\" = \"x\"\n@b = 1\n", "[install.scopes]\n\"@a\" = \"U\"\n@b = 1\n"},
    {BUN_SCOPE, "[install]\nscopes = {}\n", NULL},
    {UV, "", "[[tool.uv.index]]\nname = \"packhouse\"\nurl = \"U\"\ndefault = true\n"},
    {UV, "[project]\nname = \"p\"\ndependencies = [\n  # [[tool.uv.index]]\n  \"a[b]\", 'c\"',\n]\n",
     "[project]\nname = \"p\"\ndependencies = [\n  # [[tool.uv.index]]\n  \"a[b]\", 'c\"',\n]\n\n"
     "[[tool.uv.index]]\nname = \"packhouse\"\nurl = \"U\"\ndefault = true\n"},
    {UV, "[[tool.uv.index]]\nurl = 'x' # old\nname = 'packhouse'\n\n[a]\nurl = 1\n",
     "[[tool.uv.index]]\ndefault = true\nurl = \"U\" # old\nname = \"packhouse\"\n\n[a]\nurl = 1\n"},
    {UV, "[[tool.uv.index]]\nname = \"other\"\nurl = \"x\"\n",
     "[[tool.uv.index]]\nname = \"other\"\nurl = \"x\"\n\n"
     "[[tool.uv.index]]\nname = \"packhouse\"\nurl = \"U\"\ndefault = true\n"},
    {UV, "[tool.uv]\nindex = [{name = \"a\", url = \"x\"}]\n", NULL},
    {UV, "[tool.uv]\nx = \"\"\"\n[[tool.uv.index]]\nname = \"packhouse\"\n\"\"\"\n",
     "[tool.uv]\nx = \"\"\"\n[[tool.uv.index]]\nname = \"packhouse\"\n\"\"\"\n\n"
     "[[tool.uv.index]]\nname = \"packhouse\"\nurl = \"U\"\ndefault = true\n"},
    {POETRY, "[[tool.poetry.source]]\nname = \"packhouse\"\nurl = \"U\"\ndefault = true",
     "[[tool.poetry.source]]\nname = \"packhouse\"\nurl = \"U\"\ndefault = true"},
    {BERRY, "", "npmRegistryServer: \"U\"\n"},
    {BERRY, "---\nnodeLinker: node-modules\n", "---\nnodeLinker: node-modules\nnpmRegistryServer: \"U\"\n"},
    {BERRY, "npmRegistryServer: https://other # old\nplugins:\n  - a\n",
     "npmRegistryServer: \"U\"\nplugins:\n  - a\n"},
    {BERRY, "npmScopes:\n  a:\n    npmRegistryServer: x\n",
     "npmScopes:\n  a:\n    npmRegistryServer: x\nnpmRegistryServer: \"U\"\n"},
    {BERRY, "npmRegistryServer:\n  - x\n", NULL},
    {BERRY, "{npmRegistryServer: x}\n", NULL},
    {BERRY_TOKEN, "", "npmRegistries:\n  \"//h/npm/a/m\":\n    npmAlwaysAuth: true\n    npmAuthToken: \"T\"\n"},
    {BERRY_TOKEN, "npmRegistries:\n    \"//other\":\n        npmAuthToken: s\nx: y\n",
     "npmRegistries:\n    \"//other\":\n        npmAuthToken: s\n    \"//h/npm/a/m\":\n      npmAlwaysAuth: true\n      npmAuthToken: \"T\"\nx: y\n"},
    {BERRY_TOKEN, "npmRegistries:\n  \"//h/npm/a/m\":\n    npmAlwaysAuth: true\n    npmAuthToken: old\n",
     "npmRegistries:\n  \"//h/npm/a/m\":\n    npmAlwaysAuth: true\n    npmAuthToken: \"T\"\n"},
    {BERRY_TOKEN, "npmRegistries: {}\n", NULL},
    {BERRY_HOST, "", "unsafeHttpWhitelist:\n  - \"h\"\n"},
    {BERRY_HOST, "unsafeHttpWhitelist:\n- g\nx:\n- h\n", "unsafeHttpWhitelist:\n- \"h\"\n- g\nx:\n- h\n"},
    {BERRY_HOST, "unsafeHttpWhitelist:\n    - 'h'\n", "unsafeHttpWhitelist:\n    - 'h'\n"},
    {BERRY_HOST, "unsafeHttpWhitelist:\nx: y\n", "unsafeHttpWhitelist:\n  - \"h\"\nx: y\n"},
    {BERRY_HOST, "unsafeHttpWhitelist: [g]\n", "unsafeHttpWhitelist: [\"h\", g]\n"},
    {BERRY_HOST, "unsafeHttpWhitelist: [ g, 'h' ]\n", "unsafeHttpWhitelist: [ g, 'h' ]\n"},
    {BERRY_HOST, "unsafeHttpWhitelist: g\n", NULL},
    {NPM_OWN, "", "own[]=@a/*\nown[]=b\n"},
    {NPM_OWN, "x=y\nown[]=b", "x=y\nown[]=b\nown[]=@a/*\n"},
    {NPM_OWN, "own = \"@a/*\"\nowner[]=b\n", "own = \"@a/*\"\nowner[]=b\nown[]=b\n"},
    {NPM_OWN, "own[]=bb\nown[] = @a/*\n[team]\nown[]=b\n", "own[]=bb\nown[] = @a/*\nown[]=b\n[team]\nown[]=b\n"},
    {BERRY_OWN, "", "own:\n  - \"@a/*\"\n  - \"b\"\n"},
    {BERRY_OWN, "own:\n  - b\n  - bb\n", "own:\n  - \"@a/*\"\n  - b\n  - bb\n"},
    {BERRY_OWN, "own: []\n", "own: [\"@a/*\", \"b\"]\n"},
    {BERRY_OWN, "own: [\n  'b', # ours\n]\n", "own: [\"@a/*\",\n  'b', # ours\n]\n"},
    {BERRY_OWN, "own: {b: 1}\n", NULL},
    {BUN_OWN, "", "[install]\nown = [\"@a/*\", \"b\"]\n"},
    {BUN_OWN, "[install]\nexact = true\n", "[install]\nown = [\"@a/*\", \"b\"]\nexact = true\n"},
    {BUN_OWN, "[install]\nown = [ \"bb\", 'b' ] # ours\n", "[install]\nown = [\"@a/*\", \"bb\", 'b' ] # ours\n"},
    {BUN_OWN, "[install]\nown = [\n  # \"@a/*\",\n  [\"b\"],\n  \"c\",\n]\n",
     "[install]\nown = [\"@a/*\", \"b\",\n  # \"@a/*\",\n  [\"b\"],\n  \"c\",\n]\n"},
    {BUN_OWN, "[install]\nown = \"b\"\n", NULL},
    {BUN_OWN, "install = {}\n", NULL},
    {UV_OWN, "", "[tool.uv.own]\na = false\nb-c = false\n"},
    {UV_OWN, "[tool.uv.own]\nb-c = \"2026-01-01\"\n", "[tool.uv.own]\na = false\nb-c = \"2026-01-01\"\n"},
    {UV_OWN, "[tool.uv]\nown = { b = false, b-c=false }\n", "[tool.uv]\nown = {a = false, b = false, b-c=false }\n"},
    {UV_OWN, "[tool.uv]\nown = {}\n", "[tool.uv]\nown = {a = false, b-c = false}\n"},
    {UV_OWN, "[tool.uv]\nown.a = false\n", NULL},
    {NETRC, "", "machine h login __token__ password pkhp_new\n"},
    {NETRC, "machine h login __token__ password pkhp_old\nmachine g login a password b\n",
     "machine h login __token__ password pkhp_new\nmachine g login a password b\n"},
    {NETRC, "machine h\n\tlogin x\n\tpassword pkhp_old\n", "machine h\n\tlogin x\n\tpassword pkhp_new\n"},
    {NETRC, "machine g login a password b\ndefault login c password d\n",
     "machine g login a password b\nmachine h login __token__ password pkhp_new\ndefault login c password d\n"},
    {NETRC, "# machine h login x password y\n",
     "# machine h login x password y\nmachine h login __token__ password pkhp_new\n"},
    {NETRC, "machine g login a password b\nmacdef init\ncd /machine h",
     "machine g login a password b\nmacdef init\ncd /machine h\n\nmachine h login __token__ password pkhp_new\n"},
    {NETRC, "machine h login ann password secret\n", NULL},
    {NETRC, "machine h login ann\n", NULL},
};

static void one_value_is_put_in_and_the_rest_stays(void **state)
{
    struct arena *arena = arena_new();

    (void)state;
    for (size_t row = 0; row < COUNT(rows); row++) {
        struct error err = {0};
        struct config_edit edit;
        enum status rc;

        config_edit_init(&edit, arena, rows[row].before);
        rc = edit_with(rows[row].editor, &edit, &err);
        if (!rows[row].after) {
            if (rc != STATUS_INVALID || !err.message[0])
                fail_msg("row %zu is not refused: %s", row, edit.text);
            assert_string_equal(edit.text, rows[row].before);
            continue;
        }
        if (rc || strcmp(edit.text, rows[row].after))
            fail_msg("row %zu: %s\n%s", row, err.message, edit.text);
        assert_int_equal(edit_with(rows[row].editor, &edit, &err), STATUS_OK);
        if (strcmp(edit.text, rows[row].after))
            fail_msg("row %zu, once more:\n%s", row, edit.text);
    }
    arena_free(arena);
}

static void what_was_put_in_is_told(void **state)
{
    struct arena *arena = arena_new();
    struct config_edit edit;

    (void)state;
    config_edit_init(&edit, arena, "[global]\nindex-url = U\n");
    assert_int_equal(edit_with(PIP_CONF, &edit, NULL), STATUS_OK);
    assert_int_equal(edit_with(NETRC, &edit, NULL), STATUS_OK);
    assert_string_equal(edit.put.data,
                        "[global]\nindex-url = U\nmachine h login __token__ password pkhp_new\n");
    arena_free(arena);
}

static void blocks_tell_their_values(void **state)
{
    static const char text[] = "[[index]]\nname = \"a\"\n[[index]]\nurl = 'x' # no name\n[other]\nname = 1\n";
    struct arena *arena = arena_new();
    char *value;

    (void)state;
    assert_int_equal(toml_block_value(text, "index", 0, "name", arena, &value), STATUS_OK);
    assert_string_equal(value, "\"a\"");
    assert_int_equal(toml_block_value(text, "index", 1, "name", arena, &value), STATUS_OK);
    assert_null(value);
    assert_int_equal(toml_block_value(text, "index", 1, "url", arena, &value), STATUS_OK);
    assert_string_equal(value, "'x'");
    assert_int_equal(toml_block_value(text, "index", 2, "url", arena, &value), STATUS_NOT_FOUND);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_value_is_put_in_and_the_rest_stays),
        cmocka_unit_test(what_was_put_in_is_told),
        cmocka_unit_test(blocks_tell_their_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
