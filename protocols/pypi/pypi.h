/* What the routes of the Python index are answered by. */
#pragma once
#include "config/error.h"

struct mirror_format;
struct request;
struct response;

/* How other indexes are asked. */
extern const struct mirror_format pypi_mirror_format;

/* simple.c */
enum status pypi_get_root(struct request *req, struct response *res);
enum status pypi_get_page(struct request *req, struct response *res);
/* file.c */
enum status pypi_get_file(struct request *req, struct response *res);
/* upload.c */
enum status pypi_post_upload(struct request *req, struct response *res);
