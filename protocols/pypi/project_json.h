/* The JSON API of the public index, as Renovate, Dependabot, pipenv and scripts read it: of a project, or of
 * one version. Of what policy says, of removals and of yanks it shows what the page shows, for it is made of
 * the same. */
#pragma once
#include "config/error.h"

struct request;
struct response;

enum status pypi_get_project_json(struct request *req, struct response *res);
enum status pypi_get_version_json(struct request *req, struct response *res);
