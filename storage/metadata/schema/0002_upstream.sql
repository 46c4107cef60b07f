-- Pull-through: which upstreams there are, who owns a name, what they sent, what was taken away.
-- Rows about names belong to the org and outlive owners, upstreams and their URLs.

-- The cache of an upstream is its repository, of kind 2. names: globs of names kept for it alone,
-- separated by blanks; NULL: it is asked for any. file_hosts: hosts besides its own, likewise.
-- credential: sealed, or the path of a file; see storage/catalog/upstream.h. One that was removed stays,
-- under a name that nothing else can have, because it may own names.
CREATE TABLE upstream(repository_id I64 PRIMARY KEY REFERENCES repository(id), format I64 NOT NULL,
  url TXT NOT NULL, names TXT, file_hosts TXT NOT NULL DEFAULT '', may_be_private I64 NOT NULL DEFAULT 0,
  is_offline I64 NOT NULL DEFAULT 0, credential BIN, created_us I64 NOT NULL,
  removed_us I64 NOT NULL DEFAULT 0) PLAIN;
-- Where a repository looks for what it has not got itself, in order of position.
-- The key's columns first: SQLite 3.40's integrity_check else takes what is behind them for NULL.
CREATE TABLE source(repository_id I64 NOT NULL REFERENCES repository(id),
  source_id I64 NOT NULL REFERENCES repository(id), position I64 NOT NULL,
  PRIMARY KEY(repository_id, source_id)) ROWLESS;
CREATE INDEX source_used ON source(source_id);
-- A name has one owner: upstream_id, or NULL for the org itself. name_fold: npm's case and PEP 503 folded.
CREATE TABLE owner(org_id I64 NOT NULL REFERENCES org(id), format I64 NOT NULL, name_fold TXT NOT NULL,
  upstream_id I64 REFERENCES repository(id), since_us I64 NOT NULL,
  PRIMARY KEY(org_id, format, name_fold)) ROWLESS;
CREATE INDEX owner_upstream ON owner(upstream_id) WHERE upstream_id IS NOT NULL;
-- Names that are the org's before they exist. format 0: every format.
CREATE TABLE claim(org_id I64 NOT NULL REFERENCES org(id), format I64 NOT NULL, pattern TXT NOT NULL,
  created_us I64 NOT NULL, PRIMARY KEY(org_id, format, pattern)) ROWLESS;
-- The raw document as it was received, inline up to 32 KiB, else a blob. coding: 0 identity, 1 gzip.
-- generation grows with each change of its bytes.
CREATE TABLE upstream_document(package_id I64 PRIMARY KEY REFERENCES package(id), body BIN,
  body_blob I64 REFERENCES blob(id), size I64 NOT NULL, coding I64 NOT NULL, content_type TXT NOT NULL,
  url TXT NOT NULL, etag TXT, last_modified TXT, serial I64, sha256 BIN NOT NULL,
  generation I64 NOT NULL DEFAULT 1, fetched_us I64 NOT NULL, checked_us I64 NOT NULL) PLAIN;
CREATE INDEX upstream_document_blob ON upstream_document(body_blob) WHERE body_blob IS NOT NULL;
-- The first bytes that came for a file. Whatever is fetched later under its name must be these.
CREATE TABLE pin(org_id I64 NOT NULL REFERENCES org(id), format I64 NOT NULL, name_fold TXT NOT NULL,
  file TXT NOT NULL, version TXT NOT NULL, sha256 BIN NOT NULL, sha512 BIN, size I64 NOT NULL,
  first_us I64 NOT NULL, PRIMARY KEY(org_id, format, name_fold, file)) ROWLESS;
-- What was removed. file '': the whole version. Until restore_us its bytes may come back. state_was: of
-- the version, before.
CREATE TABLE tombstone(org_id I64 NOT NULL REFERENCES org(id), format I64 NOT NULL, name_fold TXT NOT NULL,
  version TXT NOT NULL, file TXT NOT NULL DEFAULT '', repository_id I64 NOT NULL, sort_key BIN,
  state_was I64 NOT NULL DEFAULT 0, reason TXT NOT NULL, removed_us I64 NOT NULL, restore_us I64 NOT NULL,
  by_account I64 NOT NULL, PRIMARY KEY(org_id, format, name_fold, version, file, repository_id)) ROWLESS;
-- The tags of a removed version, and where each went; NULL: nowhere.
CREATE TABLE removed_tag(version_id I64 NOT NULL REFERENCES version(id), tag TXT NOT NULL,
  moved_to I64 REFERENCES version(id), PRIMARY KEY(version_id, tag)) ROWLESS;
-- When an upstream's file was last asked for, in days since 1970; written in batches.
CREATE TABLE file_seen(file_id I64 PRIMARY KEY REFERENCES file(id), day I64 NOT NULL) PLAIN;
-- bytes an org may keep; no row: no limit but the setting's
CREATE TABLE org_quota(org_id I64 PRIMARY KEY REFERENCES org(id), bytes I64 NOT NULL) PLAIN;

-- What the sweep looks for.
CREATE INDEX blob_state ON blob(state, state_us) WHERE state <> 0;
CREATE INDEX tombstone_restore ON tombstone(restore_us);

-- What is published already belongs to its org. npm's names fold by case; Python's are folded.
INSERT INTO owner(org_id, format, name_fold, upstream_id, since_us)
  SELECT r.org_id, p.format, lower(p.name_norm), NULL, min(p.updated_us) FROM package p
  JOIN repository r ON r.id = p.repository_id WHERE p.format <> 3 GROUP BY 1, 2, 3;
