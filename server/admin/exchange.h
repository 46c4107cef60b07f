/* What the API's handlers share: reading a JSON body, paging a list, writing the answer. */
#pragma once
#include "protocols/http/response.h"
#include "server/auth/gate.h"
#include "storage/catalog/access.h"
#include "storage/memory/json.h"
#include "storage/memory/strbuf.h"

/* Who does what a handler does, for the audit row. */
struct actor admin_actor(const struct request *req);

/* Parses the body, an object with no members but these. The caller json_free()s it, also on
 * failure. This and the functions below name the member that is wrong as the problem's "field". */
enum status admin_body(struct request *req, const char *const *members, size_t count,
                       struct json **out);
enum status admin_need_text(struct request *req, const struct json *body, const char *member,
                            const char **out);
enum status admin_get_text(struct request *req, const struct json *body, const char *member,
                           const char **out);
enum status admin_get_int(struct request *req, const struct json *body, const char *member,
                          int64_t *out);
enum status admin_get_bool(struct request *req, const struct json *body, const char *member,
                           bool *out);
/* An array of texts, copied into the arena; *out stays NULL where it is absent. */
enum status admin_get_texts(struct request *req, const struct json *body, const char *member,
                            const char *const **out, size_t *count);
/* STATUS_INVALID "invalid-value" about a member. */
enum status admin_invalid(struct request *req, const char *member, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* rc as it is; where it is STATUS_INVALID, the member is named. */
enum status admin_about(struct request *req, const char *member, enum status rc);

/* ?cursor=&limit= of a list. */
struct page {
    const char *after; /* a name; "" at the beginning */
    int64_t id;        /* the same as a number; 0 at the beginning */
    size_t limit;
};
enum { PAGE_DEFAULT = 100, PAGE_MAX = 1000 };
enum status admin_page(struct request *req, bool by_id, struct page *out);
/* The id in the path; STATUS_NOT_FOUND for what is no number. */
enum status admin_path_id(struct request *req, int64_t *out);

/* An answer is written member by member; commas come by themselves. name is NULL in an array. */
void write_begin(struct strbuf *out, struct request *req);
void write_open(struct strbuf *out, const char *name, char bracket);
void write_close(struct strbuf *out, char bracket);
void write_text(struct strbuf *out, const char *name, const char *text);
void write_int(struct strbuf *out, const char *name, int64_t value);
void write_bool(struct strbuf *out, const char *name, bool value);
void write_time(struct strbuf *out, const char *name, int64_t time_us);  /* 0: null */
void write_json(struct strbuf *out, const char *name, const char *json); /* a text that is JSON */
void write_actions(struct strbuf *out, const char *name, unsigned actions);
void write_texts(struct strbuf *out, const char *name, const char *const *texts, size_t count);
/* The end of a list: "next", which is null without more. */
void write_next(struct strbuf *out, const char *cursor);

enum status admin_respond(struct request *req, struct response *res, int code,
                          const struct strbuf *out);

/* The :org of the path, whose administrator the gate has let in. */
enum status admin_org(struct request *req, struct org *out);
/* A repository of that org by its name, as gate_no_repository() otherwise. */
enum status admin_repository(struct request *req, const char *name, struct repository *out);
/* "npm:left-pad" in its parts, the name normalised; STATUS_INVALID about the member. */
enum status admin_package(struct request *req, const char *member, const char *text,
                          enum format *format, const char **name_norm);
/* 0 for neither "npm" nor "pypi". */
enum format admin_format(const char *word);

/* Finds "org/repo" as the caller sees it. */
enum status admin_find_visible(struct request *req, const char *path, struct repository *out);
/* A package glob as access_allows() compares it: Python's names are normalised (PEP 503). */
const char *admin_package_glob(struct request *req, const char *glob);
/* The body's "role" or "actions" as actions; 0 where it has neither. */
enum status admin_actions(struct request *req, const struct json *body, const char **role,
                          unsigned *actions);
