-- The instance's own keys, with which it signs the npm packages that are published here. The private half of
-- the current one is in a file of the data directory. npm spec 15.

-- retired_us 0: it signs now, and there is at most one such; else it expires then, later than all that it signed.
-- signed_us: of the latest version that it signed. because: why it was made, first, rotated, lost or replaced.
CREATE TABLE npm_key(id PK64, keyid TXT NOT NULL UNIQUE, public_key BIN NOT NULL, created_us I64 NOT NULL,
  signed_us I64 NOT NULL DEFAULT 0, retired_us I64 NOT NULL DEFAULT 0, because TXT NOT NULL) PLAIN;
CREATE UNIQUE INDEX npm_key_current ON npm_key(retired_us) WHERE retired_us = 0;
ALTER TABLE version ADD COLUMN signed_by I64 REFERENCES npm_key(id);
ALTER TABLE version ADD COLUMN signature BIN;

-- Versions that were published before there was a key: signed in the background, and then no longer here.
CREATE TABLE npm_unsigned(package_id I64 NOT NULL, version_id I64 NOT NULL,
  PRIMARY KEY(package_id, version_id)) ROWLESS;
INSERT INTO npm_unsigned(package_id, version_id)
  SELECT p.id, v.id FROM repository r JOIN package p ON p.repository_id = r.id AND p.format = 1
  JOIN version v ON v.package_id = p.id WHERE r.kind = 1;
