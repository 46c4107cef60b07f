/* The list of projects. */
#pragma once
#include "config/error.h"
#include <stdbool.h>

struct request;
struct strbuf;

enum status root_render(struct request *req, bool is_json, struct strbuf *out, struct error *err);
