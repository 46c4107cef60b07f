/* All bytes of a file, for who looks into it here: kept, or fetched now as for anybody who asks for it,
 * verified and kept from then on. No verdict is asked, for nothing leaves. */
#pragma once
#include "protocols/http/verdicts.h"

struct mirror_file;
struct mirror_wish;

struct whole_file {
    int fd; /* -1: none */
    int64_t size;
    struct mirror_file *arriving; /* whose descriptor it is; NULL: its own */
};

/* One that is published here, or kept of an upstream's. STATUS_NOT_FOUND where it is not. */
enum status whole_file_open(struct request *req, const struct verdict_subject *subject, const char *file,
                            struct whole_file *out);
/* One that a listing names: waits until it is here. */
enum status whole_file_fetch(struct request *req, const struct mirror_wish *wish, struct whole_file *out);
void whole_file_close(struct whole_file *file);
