-- Users and their console sessions, what access keys may do, and the audit log.

CREATE TABLE users (
  name text PRIMARY KEY NOT NULL,
  role text NOT NULL,
  fleets text NOT NULL,
  password text NOT NULL,
  enabled bigint NOT NULL,
  created_ms bigint NOT NULL,
  modified_ms bigint NOT NULL,
  login_ms bigint
);

ALTER TABLE access_keys ADD COLUMN sealed bigint NOT NULL DEFAULT 0;
ALTER TABLE access_keys ADD COLUMN user_name text REFERENCES users (name) ON DELETE CASCADE;
ALTER TABLE access_keys ADD COLUMN fleets text NOT NULL DEFAULT '[]';
ALTER TABLE access_keys ADD COLUMN description text;
ALTER TABLE access_keys ADD COLUMN enabled bigint NOT NULL DEFAULT 1;
ALTER TABLE access_keys ADD COLUMN expires_ms bigint;
ALTER TABLE access_keys ADD COLUMN used_ms bigint;
CREATE INDEX access_keys_by_user ON access_keys (user_name);
UPDATE access_keys SET role = 'admin' WHERE role = 'administrator';

CREATE TABLE sessions (
  token_sha256 text PRIMARY KEY NOT NULL,
  user_name text NOT NULL REFERENCES users (name) ON DELETE CASCADE,
  address text NOT NULL,
  created_ms bigint NOT NULL,
  seen_ms bigint NOT NULL
);
CREATE INDEX sessions_by_user ON sessions (user_name);
CREATE INDEX sessions_by_creation ON sessions (created_ms);

CREATE TABLE audit_records (
  number bigint PRIMARY KEY NOT NULL,
  time_ms bigint NOT NULL,
  principal text NOT NULL,
  role text NOT NULL,
  operation text NOT NULL,
  resource text NOT NULL,
  request_id text NOT NULL,
  source text NOT NULL,
  result text NOT NULL,
  previous text NOT NULL,
  hash text NOT NULL
);
CREATE INDEX audit_records_by_principal ON audit_records (principal, number);
CREATE INDEX audit_records_by_operation ON audit_records (operation, number);

CREATE TABLE audit_checkpoints (
  number bigint PRIMARY KEY NOT NULL,
  hash text NOT NULL,
  time_ms bigint NOT NULL,
  key_id text NOT NULL,
  signature text NOT NULL
);
