/* A settings file of any content is read or refused in words; what was read keeps its limits. */
#include "config/settings_table.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct settings settings;
    struct error err = {0};

    settings_init(&settings);
    if (settings_read_yaml(&settings, SETTING_SERVER, ORIGIN_FILE, "f", (const char *)data, size,
                           &err) &&
        !err.message[0])
        abort();
    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *row = &settings_table[i];

        if (row->type >= SETTING_INTEGER && row->type <= SETTING_DURATION) {
            int64_t value = *(int64_t *)((char *)&settings + row->offset);

            if (value < row->least || value > row->most)
                abort();
        }
    }
    settings_clear(&settings);
    return 0;
}
