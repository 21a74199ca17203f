ALTER TABLE compilation_jobs ADD COLUMN holder text NOT NULL DEFAULT '';
ALTER TABLE compilation_jobs ADD COLUMN token bigint NOT NULL DEFAULT 0;
ALTER TABLE compilation_jobs ADD COLUMN lease_until_ms bigint NOT NULL DEFAULT 0;
ALTER TABLE compilation_jobs ADD COLUMN attempts bigint NOT NULL DEFAULT 0;
ALTER TABLE compilation_jobs ADD COLUMN queue text NOT NULL DEFAULT '';
ALTER TABLE compilation_jobs ADD COLUMN turn bigint NOT NULL DEFAULT 0;
ALTER TABLE compilation_jobs ADD COLUMN wait_until_ms bigint;
ALTER TABLE compilation_jobs ADD COLUMN derived_inputs text NOT NULL DEFAULT '';
CREATE INDEX compilation_jobs_by_turn ON compilation_jobs (status, turn);
CREATE INDEX compilation_jobs_by_queue ON compilation_jobs (queue, status);

ALTER TABLE packaging_jobs ADD COLUMN holder text NOT NULL DEFAULT '';
ALTER TABLE packaging_jobs ADD COLUMN token bigint NOT NULL DEFAULT 0;
ALTER TABLE packaging_jobs ADD COLUMN lease_until_ms bigint NOT NULL DEFAULT 0;
ALTER TABLE packaging_jobs ADD COLUMN attempts bigint NOT NULL DEFAULT 0;
ALTER TABLE packaging_jobs ADD COLUMN queue text NOT NULL DEFAULT '';
ALTER TABLE packaging_jobs ADD COLUMN turn bigint NOT NULL DEFAULT 0;
ALTER TABLE packaging_jobs ADD COLUMN wait_until_ms bigint;
ALTER TABLE packaging_jobs ADD COLUMN started_ms bigint;
ALTER TABLE packaging_jobs ADD COLUMN ended_ms bigint;
ALTER TABLE packaging_jobs ADD COLUMN preset text NOT NULL DEFAULT '';
CREATE INDEX packaging_jobs_by_turn ON packaging_jobs (status, turn);
CREATE INDEX packaging_jobs_by_queue ON packaging_jobs (queue, status);
CREATE INDEX packaging_jobs_by_compilation ON packaging_jobs (compilation_job);

CREATE TABLE job_logs (
  kind text NOT NULL,
  job text NOT NULL,
  first_byte bigint NOT NULL,
  bytes bigint NOT NULL,
  content text NOT NULL,
  PRIMARY KEY (kind, job, first_byte)
);

CREATE TABLE compilation_reports (
  job text PRIMARY KEY NOT NULL,
  report text NOT NULL
);

CREATE TABLE component_versions (
  name text NOT NULL,
  version text NOT NULL,
  packaging_job text NOT NULL,
  created_ms bigint NOT NULL,
  PRIMARY KEY (name, version)
);

CREATE TABLE encryption_keys (
  id text PRIMARY KEY NOT NULL,
  description text NOT NULL,
  state text NOT NULL,
  newest_version bigint NOT NULL,
  created_ms bigint NOT NULL,
  rotated_ms bigint,
  delete_after_ms bigint
);

CREATE TABLE encryption_key_versions (
  key_id text NOT NULL REFERENCES encryption_keys (id) ON DELETE CASCADE,
  version bigint NOT NULL,
  sealed text NOT NULL,
  created_ms bigint NOT NULL,
  PRIMARY KEY (key_id, version)
);

CREATE TABLE encryption_key_aliases (
  alias text PRIMARY KEY NOT NULL,
  key_id text NOT NULL REFERENCES encryption_keys (id) ON DELETE CASCADE,
  created_ms bigint NOT NULL
);
