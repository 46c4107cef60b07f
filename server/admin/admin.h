/* /api/v1: orgs, repositories, accounts, grants and tokens, as people and scripts manage them. One
 * noun a file; the table of routes is mount.c, and docs/openapi.yaml says the same in public. */
#pragma once
#include "protocols/http/response.h"
#include "protocols/http/route.h"
#include "storage/catalog/access.h"

extern const struct mount admin_mount;

enum status admin_create_org(struct request *req, struct response *res);
enum status admin_get_org(struct request *req, struct response *res);
enum status admin_set_org(struct request *req, struct response *res);
enum status admin_list_orgs(struct request *req, struct response *res);
enum status admin_create_repository(struct request *req, struct response *res);
enum status admin_list_repositories(struct request *req, struct response *res);
enum status admin_get_repository(struct request *req, struct response *res);
enum status admin_set_repository(struct request *req, struct response *res);

enum status admin_add_upstream(struct request *req, struct response *res);
enum status admin_list_upstreams(struct request *req, struct response *res);
enum status admin_get_upstream(struct request *req, struct response *res);
enum status admin_set_upstream(struct request *req, struct response *res);
enum status admin_refresh_upstream(struct request *req, struct response *res);
enum status admin_get_upstream_keys(struct request *req, struct response *res);
enum status admin_accept_upstream_keys(struct request *req, struct response *res);
enum status admin_remove_upstream(struct request *req, struct response *res);
enum status admin_list_sources(struct request *req, struct response *res);
enum status admin_add_source(struct request *req, struct response *res);
enum status admin_remove_source(struct request *req, struct response *res);

enum status admin_get_owner(struct request *req, struct response *res);
enum status admin_set_owner(struct request *req, struct response *res);
enum status admin_list_own_names(struct request *req, struct response *res);
enum status admin_list_claims(struct request *req, struct response *res);
enum status admin_add_claim(struct request *req, struct response *res);
enum status admin_remove_claim(struct request *req, struct response *res);

enum status admin_remove_version(struct request *req, struct response *res);
enum status admin_restore_version(struct request *req, struct response *res);
enum status admin_list_removed(struct request *req, struct response *res);

enum status admin_get_policy(struct request *req, struct response *res);
enum status admin_set_policy(struct request *req, struct response *res);
enum status admin_list_policies(struct request *req, struct response *res);
enum status admin_explain_policy(struct request *req, struct response *res);
enum status admin_replay_policy(struct request *req, struct response *res);
enum status admin_list_holds(struct request *req, struct response *res);
enum status admin_list_history(struct request *req, struct response *res);
enum status admin_create_requests(struct request *req, struct response *res);
enum status admin_list_requests(struct request *req, struct response *res);
enum status admin_get_request(struct request *req, struct response *res);
enum status admin_diff_request(struct request *req, struct response *res);
enum status admin_approve_request(struct request *req, struct response *res);
enum status admin_deny_request(struct request *req, struct response *res);
enum status admin_list_exceptions(struct request *req, struct response *res);
enum status admin_end_exception(struct request *req, struct response *res);

enum status admin_create_account(struct request *req, struct response *res);
enum status admin_list_accounts(struct request *req, struct response *res);
enum status admin_whoami(struct request *req, struct response *res);

enum status admin_list_signing_keys(struct request *req, struct response *res);
enum status admin_rotate_signing_key(struct request *req, struct response *res);

enum status admin_add_grant(struct request *req, struct response *res);
enum status admin_list_grants(struct request *req, struct response *res);
enum status admin_remove_grant(struct request *req, struct response *res);

enum status admin_create_token(struct request *req, struct response *res);
enum status admin_list_tokens(struct request *req, struct response *res);
enum status admin_revoke_token(struct request *req, struct response *res);
enum status admin_revoke_this_token(struct request *req, struct response *res);

enum status admin_list_audit(struct request *req, struct response *res);
enum status admin_list_org_audit(struct request *req, struct response *res);
enum status admin_explain_access(struct request *req, struct response *res);
