/* What the routes of the Python index are answered by. */
#pragma once
#include "protocols/http/verdicts.h"

struct arena;
struct mirror_format;
struct request;
struct response;
struct review_format;

/* How other indexes are asked. */
extern const struct mirror_format pypi_mirror_format;
/* How policy looks at their files. */
extern const struct verdict_format pypi_verdict_format;
/* How their releases are compared. */
extern const struct review_format pypi_review_format;
/* What METADATA, of a wheel or beside one, says that a listing does not; NULL: nothing. contradicts: it
 * is a wheel's, and its listing says other things. */
struct core_metadata;
struct mirror_wish;
const char *pypi_archive_facts(const struct mirror_wish *wish, const struct core_metadata *metadata,
                               bool contradicts, struct arena *arena);

/* simple.c */
enum status pypi_get_root(struct request *req, struct response *res);
enum status pypi_get_page(struct request *req, struct response *res);
/* file.c */
enum status pypi_get_file(struct request *req, struct response *res);
/* upload.c */
enum status pypi_post_upload(struct request *req, struct response *res);
