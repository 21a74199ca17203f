CREATE TABLE sealed_keys (
  purpose text NOT NULL,
  number bigint NOT NULL,
  sealed text NOT NULL,
  certificate text NOT NULL,
  created_ms bigint NOT NULL,
  PRIMARY KEY (purpose, number)
);

CREATE TABLE claim_tokens (
  id text PRIMARY KEY NOT NULL,
  token_sha256 text NOT NULL UNIQUE,
  fleet text NOT NULL REFERENCES fleets (name) ON DELETE CASCADE,
  device_pattern text NOT NULL,
  uses bigint NOT NULL,
  uses_left bigint NOT NULL,
  created_by text NOT NULL,
  created_ms bigint NOT NULL,
  expires_ms bigint NOT NULL
);
CREATE INDEX claim_tokens_by_fleet ON claim_tokens (fleet, id);

CREATE TABLE device_certificates (
  serial text PRIMARY KEY NOT NULL,
  fleet text NOT NULL,
  device text NOT NULL,
  fingerprint text NOT NULL,
  issued_ms bigint NOT NULL,
  expires_ms bigint NOT NULL,
  revoked_ms bigint,
  revoked_epoch bigint,
  revoked_why text,
  seen_ms bigint,
  seen_address text
);
CREATE INDEX device_certificates_by_device ON device_certificates (fleet, device, serial);
CREATE INDEX device_certificates_by_epoch ON device_certificates (revoked_epoch);
CREATE TABLE certificate_epoch (id bigint PRIMARY KEY NOT NULL, number bigint NOT NULL);
INSERT INTO certificate_epoch (id, number) VALUES (1, 0);
