-- The documents by which the keys that devices trust change: docs/formats/roots.md.
CREATE TABLE roots_documents (
  version bigint PRIMARY KEY NOT NULL,
  document text NOT NULL,
  created_ms bigint NOT NULL
);
