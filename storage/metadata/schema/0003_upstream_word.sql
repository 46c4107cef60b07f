-- What upstreams said, held against what they say now.

-- The digest that a listing last gave in place of the pinned one, once that was told as an event.
ALTER TABLE pin ADD COLUMN listed TXT;
-- What an upstream answered besides documents and files: its signing keys, attestations. path: below its
-- URL. said_sha256: of what it said last, where body is what is held to instead. changed_us: when it
-- last said something else than before; 0: never.
CREATE TABLE upstream_answer(id PK64, upstream_id I64 NOT NULL REFERENCES repository(id),
  path TXT NOT NULL, body BIN NOT NULL, said_sha256 BIN NOT NULL, fetched_us I64 NOT NULL,
  changed_us I64 NOT NULL DEFAULT 0, UNIQUE(upstream_id, path)) PLAIN;
-- For how old the documents of an upstream are, without reading them.
CREATE INDEX upstream_document_age ON upstream_document(package_id, checked_us);
