-- The servers of an installation, and the leases by which one of them does what must be done once.

CREATE TABLE nodes (
  id text PRIMARY KEY NOT NULL,
  address text NOT NULL,
  version text NOT NULL,
  started_ms bigint NOT NULL,
  seen_ms bigint NOT NULL,
  draining bigint NOT NULL
);

CREATE TABLE leases (
  name text PRIMARY KEY NOT NULL,
  holder text NOT NULL,
  token bigint NOT NULL,
  expires_ms bigint NOT NULL
);
