-- What may come in from upstreams, who said so, and until when. Rows about names belong to the org and
-- outlive owners, upstreams and their URLs. Access spec C2 to C4.

-- Immutable. The one with the highest number holds. text: as it was uploaded.
CREATE TABLE policy_revision(org_id I64 NOT NULL REFERENCES org(id), number I64 NOT NULL, text TXT NOT NULL,
  reason TXT NOT NULL, by_account I64 NOT NULL, created_us I64 NOT NULL, PRIMARY KEY(org_id, number)) ROWLESS;
-- What was let through. scope: 1 version, 2 range, 3 name. wanted: the version or range, '' for a name.
-- rules: the findings that it clears, separated by blanks. bytes: for a version, "file digest" lines of
-- what was approved; '' where nothing was known. Over at not_after_us, or when it was ended.
CREATE TABLE exception(id PK64, org_id I64 NOT NULL REFERENCES org(id), number I64 NOT NULL,
  format I64 NOT NULL, name_fold TXT NOT NULL, name TXT NOT NULL, scope I64 NOT NULL, wanted TXT NOT NULL,
  rules TXT NOT NULL, bytes TXT NOT NULL, comment TXT NOT NULL, by_account I64 NOT NULL,
  is_alone I64 NOT NULL DEFAULT 0, created_us I64 NOT NULL, not_after_us I64 NOT NULL,
  warned_us I64 NOT NULL DEFAULT 0, ended_us I64 NOT NULL DEFAULT 0, ended_by I64,
  ended_reason TXT, UNIQUE(org_id, number)) PLAIN;
CREATE INDEX exception_live ON exception(org_id, not_after_us) WHERE ended_us = 0;
-- One for a version, however many ask. state: 1 open, 2 approved, 3 denied. rules, facts, grave: as they
-- were when it was made. grave: those of rules that only the role security may clear. facts: a line for each
-- file.
CREATE TABLE request(id PK64, org_id I64 NOT NULL REFERENCES org(id), number I64 NOT NULL,
  repository_id I64 NOT NULL REFERENCES repository(id), format I64 NOT NULL, name_fold TXT NOT NULL,
  name TXT NOT NULL, version TXT NOT NULL, state I64 NOT NULL, rules TXT NOT NULL,
  grave TXT NOT NULL, facts TXT NOT NULL,
  created_us I64 NOT NULL, decided_us I64 NOT NULL DEFAULT 0, decided_by I64, comment TXT,
  exception_id I64 REFERENCES exception(id), UNIQUE(org_id, number)) PLAIN;
CREATE UNIQUE INDEX request_open ON request(org_id, format, name_fold, version) WHERE state = 1;
CREATE INDEX request_exception ON request(exception_id) WHERE exception_id IS NOT NULL;
CREATE TABLE request_reason(request_id I64 NOT NULL REFERENCES request(id), account_id I64 NOT NULL,
  reason TXT NOT NULL, at_us I64 NOT NULL, PRIMARY KEY(request_id, account_id)) ROWLESS;
-- Versions that were held back from somebody, without being fetched. verdict: 1 held, 2 denied. until_us: when it
-- lets go by itself; the greatest number: never. Written in batches.
CREATE TABLE hold(org_id I64 NOT NULL REFERENCES org(id), format I64 NOT NULL, name_fold TXT NOT NULL,
  version TXT NOT NULL, repository_id I64 NOT NULL REFERENCES repository(id), name TXT NOT NULL,
  verdict I64 NOT NULL, rules TXT NOT NULL, until_us I64 NOT NULL, first_us I64 NOT NULL,
  last_us I64 NOT NULL, PRIMARY KEY(org_id, format, name_fold, version, repository_id)) ROWLESS;
CREATE INDEX hold_until ON hold(until_us);
CREATE INDEX hold_last ON hold(last_us);
-- A file that came into a listing which we had seen without it: when that was last, and when we saw it
-- first. Age counts from there. file '': all files of the package that have no row of their own.
CREATE TABLE listed(package_id I64 NOT NULL REFERENCES package(id), version TXT NOT NULL, file TXT NOT NULL,
  after_us I64 NOT NULL, first_us I64 NOT NULL, PRIMARY KEY(package_id, file, version)) ROWLESS;
-- What the archive itself says, read before its last byte left for the first time. It wins over the
-- listing.
CREATE TABLE archive_facts(org_id I64 NOT NULL REFERENCES org(id), format I64 NOT NULL, name_fold TXT NOT NULL,
  file TXT NOT NULL, facts TXT NOT NULL, PRIMARY KEY(org_id, format, name_fold, file)) ROWLESS;
-- Who fetched what under which verdict, by day since 1970; written in batches. facts: as they were then.
-- verdict: 0 allowed, 1 held, 2 denied; 8 more: in audit mode, so that it went out. account_id 0: anonymous.
CREATE TABLE fact_snapshot(id PK64, sha256 BIN NOT NULL UNIQUE, facts TXT NOT NULL) PLAIN;
CREATE TABLE fetch(org_id I64 NOT NULL REFERENCES org(id), day I64 NOT NULL, repository_id I64 NOT NULL,
  format I64 NOT NULL, name_fold TXT NOT NULL, version TXT NOT NULL, account_id I64 NOT NULL,
  verdict I64 NOT NULL, rules TXT NOT NULL, facts_id I64 NOT NULL REFERENCES fact_snapshot(id),
  fetches I64 NOT NULL, last_us I64 NOT NULL,
  PRIMARY KEY(org_id, day, repository_id, format, name_fold, version, account_id, verdict)) ROWLESS;
CREATE INDEX fetch_package ON fetch(org_id, format, name_fold, day);
CREATE INDEX fetch_facts ON fetch(facts_id);

-- The actions that come with all this, for roles and tokens that were given before: policy:read 2048,
-- policy:write 4096, exception:request 8192, exception:approve 16384.
UPDATE access_grant SET actions = actions | 8192
  WHERE role IN ('reader', 'stager', 'publisher', 'maintainer', 'approver', 'admin');
UPDATE access_grant SET actions = actions | 16384 WHERE role = 'approver';
UPDATE access_grant SET actions = actions | 30720 WHERE role = 'org-admin';
UPDATE token SET actions = actions | 8192 WHERE actions & 1 <> 0;
UPDATE token SET actions = actions | 30720 WHERE actions & 2047 = 2047;
