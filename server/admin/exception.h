/* Writes an exception's members, for whoever tells of one. */
#pragma once
#include "server/admin/exchange.h"
#include "storage/catalog/exception.h"

void write_exception(struct request *req, struct strbuf *out, const struct exception *exception);
