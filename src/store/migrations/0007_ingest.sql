-- What a heartbeat changes stands in a narrow row of its own, apart from the registration.
CREATE TABLE device_state (
  fleet text NOT NULL,
  device text NOT NULL,
  revision bigint NOT NULL,
  heartbeat_ms bigint NOT NULL,
  heartbeat_hour bigint NOT NULL,
  agent_version text NOT NULL,
  boot text NOT NULL,
  sequence bigint NOT NULL,
  models text NOT NULL,
  metrics text NOT NULL,
  statistics text NOT NULL,
  PRIMARY KEY (fleet, device),
  FOREIGN KEY (fleet, device) REFERENCES devices (fleet, name) ON DELETE CASCADE
);
CREATE INDEX device_state_by_hour ON device_state (fleet, heartbeat_hour, device);

-- Which devices have a model: for the filter of ListDevices.
CREATE TABLE device_models (
  fleet text NOT NULL,
  model text NOT NULL,
  device text NOT NULL,
  version text NOT NULL,
  PRIMARY KEY (fleet, model, device, version)
);

-- Counters of the fleet report, changed by differences in the commit that changes a device. The sum
-- over all shards counts; a node writes one shard, so that nodes do not wait for each other's rows.
CREATE TABLE fleet_counts (
  fleet text NOT NULL,
  bucket bigint NOT NULL,
  kind text NOT NULL,
  name text NOT NULL,
  version text NOT NULL,
  shard bigint NOT NULL,
  n bigint NOT NULL,
  PRIMARY KEY (fleet, bucket, kind, name, version, shard)
);

-- What heartbeats report, added up by minute, hour and day.
CREATE TABLE metric_points (
  fleet text NOT NULL,
  model text NOT NULL,
  metric text NOT NULL,
  step_ms bigint NOT NULL,
  time_ms bigint NOT NULL,
  shard bigint NOT NULL,
  n bigint NOT NULL,
  total double precision NOT NULL,
  least double precision NOT NULL,
  greatest double precision NOT NULL,
  PRIMARY KEY (fleet, model, metric, step_ms, time_ms, shard)
);
CREATE INDEX metric_points_by_time ON metric_points (step_ms, time_ms);

-- Something to be done once before counters can be trusted ('recount').
CREATE TABLE ingest_marks (name text PRIMARY KEY NOT NULL, set_ms bigint NOT NULL);

-- The models of former heartbeats stand in the JSON text; the recount reads them from there.
INSERT INTO device_state (fleet, device, revision, heartbeat_ms, heartbeat_hour, agent_version, boot,
    sequence, models, metrics, statistics)
  SELECT fleet, name, 0, COALESCE(heartbeat_ms, 0), COALESCE(heartbeat_ms, 0) / 3600000,
    COALESCE(agent_version, ''), '', 0, '', COALESCE(heartbeat, ''), '' FROM devices;
INSERT INTO ingest_marks (name, set_ms)
  SELECT 'recount', 0 FROM (SELECT name FROM devices LIMIT 1) AS anyone;
