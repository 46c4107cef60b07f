/* The data directory as a whole: its lock, its format, its reserve of disk space. */
#pragma once
#include "config/error.h"
#include <stdint.h>

enum { DATA_PATH_MAX = 4096 };

/* path of a member, such as "meta.db", in out. */
enum status data_path(const char *data, const char *member, char out[DATA_PATH_MAX],
                      struct error *err);
/* Takes LOCK for the life of the descriptor; STATUS_CONFLICT where another server holds it. */
enum status data_lock(const char *data, int *fd, struct error *err);
/* STATUS_UNSUPPORTED on network file systems, whose locks and flushes cannot be trusted. */
enum status data_check_file_system(const char *data, struct error *err);
/* Makes the names in it durable. */
enum status data_flush(const char *data, struct error *err);
/* Makes reserve.bin, where there is room to spare; bytes 0 removes it. Never fails. */
void data_reserve(const char *data, int64_t bytes);
