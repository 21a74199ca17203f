-- Model registry, events, device commands.

CREATE TABLE models (
  name text PRIMARY KEY NOT NULL,
  description text,
  metadata text NOT NULL,
  created_ms bigint NOT NULL,
  modified_ms bigint NOT NULL
);

CREATE TABLE model_versions (
  model text NOT NULL REFERENCES models (name),
  version text NOT NULL,
  description text,
  metadata text NOT NULL,
  approval text NOT NULL,
  source_uri text NOT NULL,
  source_sha256 text NOT NULL,
  created_ms bigint NOT NULL,
  modified_ms bigint NOT NULL,
  PRIMARY KEY (model, version)
);

CREATE TABLE model_links (
  model text NOT NULL,
  version text NOT NULL,
  kind text NOT NULL,
  name text NOT NULL,
  target text NOT NULL,
  created_ms bigint NOT NULL,
  PRIMARY KEY (model, version, kind, name),
  FOREIGN KEY (model, version) REFERENCES model_versions (model, version) ON DELETE CASCADE
);
CREATE INDEX model_links_by_name ON model_links (kind, name);

CREATE TABLE events (
  id text PRIMARY KEY NOT NULL,
  position bigint NOT NULL,
  time_ms bigint NOT NULL,
  kind text NOT NULL,
  severity text NOT NULL,
  resource text NOT NULL,
  fleet text,
  device text,
  actor text NOT NULL,
  message text NOT NULL
);
CREATE INDEX events_by_position ON events (position, id);
CREATE TABLE event_feed (id bigint PRIMARY KEY NOT NULL, next_position bigint NOT NULL);
INSERT INTO event_feed (id, next_position) VALUES (1, 1);

CREATE TABLE device_commands (
  id text PRIMARY KEY NOT NULL,
  kind text NOT NULL,
  parameters text NOT NULL,
  fleet text NOT NULL,
  actor text NOT NULL,
  created_ms bigint NOT NULL,
  expires_ms bigint NOT NULL
);

CREATE TABLE command_devices (
  command text NOT NULL REFERENCES device_commands (id) ON DELETE CASCADE,
  fleet text NOT NULL,
  device text NOT NULL,
  status text NOT NULL,
  message text NOT NULL,
  output text NOT NULL,
  changed_ms bigint NOT NULL,
  PRIMARY KEY (command, device),
  FOREIGN KEY (fleet, device) REFERENCES devices (fleet, name) ON DELETE CASCADE
);
CREATE INDEX command_devices_by_device ON command_devices (fleet, device, status);
