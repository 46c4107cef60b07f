-- The first schema. Type words (PK64, I64, TXT, BIN, PLAIN, ROWLESS) are spelled out by each engine's
-- backend. Times are microseconds UTC. Shipped migrations are never edited.

CREATE TABLE sys_migration(version I64 PRIMARY KEY, name TXT NOT NULL, applied_us I64 NOT NULL,
  app TXT NOT NULL) PLAIN;

-- who owns things, and who acts ------------------------------------------------------------------
CREATE TABLE org(id PK64, name TXT NOT NULL UNIQUE, created_us I64 NOT NULL) PLAIN;
CREATE TABLE org_usage(org_id I64 PRIMARY KEY REFERENCES org(id), bytes I64 NOT NULL,
  files I64 NOT NULL) PLAIN;
CREATE TABLE account(id PK64, name TXT NOT NULL UNIQUE, is_owner I64 NOT NULL DEFAULT 0,
  created_us I64 NOT NULL) PLAIN;
-- effect: 1 allow, 2 deny; role is NULL where actions were given one by one
CREATE TABLE access_grant(id PK64, account_id I64 NOT NULL REFERENCES account(id),
  effect I64 NOT NULL DEFAULT 1, role TXT, actions I64 NOT NULL, org_id I64 REFERENCES org(id),
  repository_glob TXT NOT NULL, package_glob TXT NOT NULL, created_us I64 NOT NULL,
  UNIQUE(account_id, effect, actions, repository_glob, package_glob)) PLAIN;
CREATE INDEX access_grant_org ON access_grant(org_id, id);
-- repositories and packages: globs separated by blanks; NULL: all
CREATE TABLE token(id PK64, key_hash BIN NOT NULL UNIQUE, account_id I64 NOT NULL REFERENCES account(id),
  name TXT NOT NULL, hint TXT NOT NULL, actions I64 NOT NULL, repositories TXT, packages TXT,
  created_us I64 NOT NULL, expires_us I64 NOT NULL, revoked_us I64 NOT NULL DEFAULT 0,
  used_us I64 NOT NULL DEFAULT 0) PLAIN;
CREATE INDEX token_account ON token(account_id, id);

-- what is kept -----------------------------------------------------------------------------------
-- kind: 1 local, 2 upstream
CREATE TABLE repository(id PK64, org_id I64 NOT NULL REFERENCES org(id), name TXT NOT NULL,
  kind I64 NOT NULL DEFAULT 1, anonymous_read I64 NOT NULL DEFAULT 0, created_us I64 NOT NULL,
  UNIQUE(org_id, name)) PLAIN;
-- format: 1 npm, 2 pypi, 3 artifact
CREATE TABLE package(id PK64, repository_id I64 NOT NULL REFERENCES repository(id), format I64 NOT NULL,
  name_norm TXT NOT NULL, name TXT NOT NULL, generation I64 NOT NULL DEFAULT 1, updated_us I64 NOT NULL,
  UNIQUE(repository_id, format, name_norm)) PLAIN;
-- state: 0 live, 1 yanked, 2 held, 3 removed
CREATE TABLE version(id PK64, package_id I64 NOT NULL REFERENCES package(id), version TXT NOT NULL,
  sort_key BIN NOT NULL, state I64 NOT NULL DEFAULT 0, published_us I64 NOT NULL, by_account I64,
  session TXT, UNIQUE(package_id, version)) PLAIN;
CREATE INDEX version_order ON version(package_id, sort_key);
CREATE TABLE version_document(version_id I64 PRIMARY KEY REFERENCES version(id), body BIN NOT NULL) PLAIN;
CREATE TABLE tag(package_id I64 NOT NULL REFERENCES package(id), tag TXT NOT NULL,
  version_id I64 NOT NULL REFERENCES version(id), updated_us I64 NOT NULL,
  PRIMARY KEY(package_id, tag)) ROWLESS;
-- state: 0 live, 1 condemned, 2 missing, 3 corrupt, 4 gone
CREATE TABLE blob(id PK64, sha256 BIN NOT NULL UNIQUE, size I64 NOT NULL, state I64 NOT NULL DEFAULT 0,
  nonce I64 NOT NULL, touched_us I64 NOT NULL, state_us I64 NOT NULL,
  sha512 BIN, sha1 BIN, md5 BIN, blake2b BIN) PLAIN;
-- state: 0 live, 1 held, 2 evicted, 3 removed; name_fold is what two names must not share
CREATE TABLE file(id PK64, package_id I64 NOT NULL REFERENCES package(id),
  version_id I64 NOT NULL REFERENCES version(id), name TXT NOT NULL, name_fold TXT NOT NULL,
  kind I64 NOT NULL DEFAULT 0, state I64 NOT NULL DEFAULT 0, blob_id I64 REFERENCES blob(id),
  size I64 NOT NULL, pin_sha256 BIN NOT NULL, meta TXT, created_us I64 NOT NULL,
  UNIQUE(package_id, name), UNIQUE(package_id, name_fold)) PLAIN;
CREATE INDEX file_version ON file(version_id);
CREATE INDEX file_blob ON file(blob_id) WHERE blob_id IS NOT NULL;

-- what was done ----------------------------------------------------------------------------------
CREATE TABLE audit(id PK64, op_id BIN NOT NULL UNIQUE, org_id I64 NOT NULL, at_us I64 NOT NULL,
  actor TXT NOT NULL, token_id I64 NOT NULL, peer TXT NOT NULL, request_id TXT NOT NULL,
  action TXT NOT NULL, target TXT NOT NULL, detail TXT NOT NULL) PLAIN;
CREATE INDEX audit_org ON audit(org_id, id);
CREATE TABLE event(id PK64, org_id I64 NOT NULL, at_us I64 NOT NULL, kind TXT NOT NULL,
  subject TXT NOT NULL, payload TXT NOT NULL) PLAIN;
