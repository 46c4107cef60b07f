#include "server/commands/progress.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BAR_WIDTH = 30 };

void progress_begin(struct progress *progress, FILE *out, const char *verb, const char *things,
                    size_t total)
{
    const char *terminal = getenv("TERM");

    *progress = (struct progress){.out = out, .verb = verb, .things = things, .total = total};
    progress->is_terminal = out && isatty(fileno(out)) && !(terminal && !strcmp(terminal, "dumb"));
}

void progress_size(int64_t bytes, char out[PROGRESS_SIZE_TEXT])
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
    double size = (double)bytes / 1024;
    size_t unit = 0;

    for (; size >= 1024 && unit < sizeof units / sizeof *units - 1; unit++)
        size /= 1024;
    if (bytes < 1024)
        snprintf(out, PROGRESS_SIZE_TEXT, "%d bytes", (int)bytes);
    else
        snprintf(out, PROGRESS_SIZE_TEXT, "%.1f %s", size, units[unit]);
}

static void draw(struct progress *progress, size_t done, const char *size)
{
    char bar[BAR_WIDTH + 1];
    size_t filled = done * BAR_WIDTH / progress->total;

    memset(bar, '#', filled);
    memset(bar + filled, '.', BAR_WIDTH - filled);
    bar[BAR_WIDTH] = '\0';
    /* CSI K: what stood there and is longer goes. */
    fprintf(progress->out, "\r[%s] %zu of %zu %s, %s\033[K", bar, done, progress->total,
            progress->things, size);
    fflush(progress->out);
    progress->is_drawn = true;
}

void progress_show(struct progress *progress, size_t done, int64_t bytes)
{
    char size[PROGRESS_SIZE_TEXT];
    size_t tenth;

    if (!progress->out || !progress->total)
        return;
    progress_size(bytes, size);
    if (progress->is_terminal) {
        if (progress->is_drawn && progress->drawn == done && progress->drawn_bytes == bytes)
            return;
        progress->drawn = done;
        progress->drawn_bytes = bytes;
        draw(progress, done, size);
        return;
    }
    tenth = done * 10 / progress->total;
    if (tenth == progress->tenth || done == progress->total) /* the end is the command's to tell */
        return;
    progress->tenth = tenth;
    fprintf(progress->out, "%s %zu of %zu %s, %s\n", progress->verb, done, progress->total,
            progress->things, size);
    fflush(progress->out);
}

void progress_end(struct progress *progress)
{
    if (!progress->is_drawn)
        return;
    fputs("\r\033[K", progress->out);
    fflush(progress->out);
    progress->is_drawn = false;
}
