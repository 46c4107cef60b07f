/* A few threads for what may take its time: reading documents whole, looking into archives. */
#pragma once
#include "config/error.h"
#include <stddef.h>

struct crew;

/* Embedded in what is worked on; run may free it. */
struct job {
    struct job *next;
    void (*run)(struct job *job);
};

enum status crew_start(size_t threads, struct crew **out, struct error *err);
void crew_post(struct crew *crew, struct job *job);
/* Finishes what was posted, then ends; NULL does nothing. */
void crew_stop(struct crew *crew);
