/* What a person sees who opens the server's address in a browser: the same for everybody. */
#pragma once
#include "protocols/http/response.h"

enum status get_front_page(struct request *req, struct response *res);
