/* Whether the bytes of one file may go out, to those who ask one repository: every route that gives any asks
 * here. Access spec C3 to C5. */
#pragma once
#include "protocols/http/verdicts.h"

struct mirror_file;
struct mirror_wish;
struct response;

/* For routes that give bytes: STATUS_FORBIDDEN "held" or "denied", with the sentence and the
 * command to ask with, where the file is blocked. An upstream's file is known to be listed or kept; of
 * what is published here one that is not known is STATUS_NOT_FOUND, for it came this very moment.
 * Counted as asked for, under its verdict. beside: facts, in their stored form, of what came from
 * beside the file for this request, and may not be in rows yet; NULL: none. */
enum status verdict_check_file(struct request *req, const struct verdict_subject *subject,
                               const char *file, const char *beside);
/* For a file that is on its way in: takes the verdict again once its archive has been read, at once
 * or before its last piece leaves. The file is to be closed by the caller where this fails. */
enum status verdict_guard_arriving(struct request *req, struct response *res,
                                   const struct verdict_format *how, const struct mirror_wish *wish,
                                   struct mirror_file *file);
