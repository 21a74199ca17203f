-- Model Monitor's resources: docs/model-monitor.md.
CREATE TABLE monitoring_definitions (
  kind text NOT NULL,
  name text NOT NULL,
  endpoint text NOT NULL,
  request text NOT NULL,
  created_ms bigint NOT NULL,
  PRIMARY KEY (kind, name)
);
CREATE TABLE monitoring_schedules (
  name text PRIMARY KEY NOT NULL,
  status text NOT NULL,
  config text NOT NULL,
  kind text NOT NULL,
  definition text NOT NULL,
  endpoint text NOT NULL,
  failure_reason text NOT NULL,
  created_ms bigint NOT NULL,
  modified_ms bigint NOT NULL,
  next_ms bigint
);
CREATE INDEX monitoring_schedules_by_next ON monitoring_schedules (next_ms);
-- Executions; claimed as the other jobs are. One a slot: the unique index.
CREATE TABLE monitoring_jobs (
  name text PRIMARY KEY NOT NULL,
  status text NOT NULL,
  schedule text NOT NULL,
  scheduled_ms bigint NOT NULL,
  kind text NOT NULL,
  definition text NOT NULL,
  endpoint text NOT NULL,
  request text NOT NULL,
  from_ms bigint NOT NULL,
  to_ms bigint NOT NULL,
  created_ms bigint NOT NULL,
  modified_ms bigint NOT NULL,
  started_ms bigint,
  ended_ms bigint,
  status_message text NOT NULL,
  artifact_uri text NOT NULL,
  outcome text NOT NULL,
  exit_message text NOT NULL,
  judged bigint NOT NULL,
  holder text NOT NULL DEFAULT '',
  token bigint NOT NULL DEFAULT 0,
  lease_until_ms bigint NOT NULL DEFAULT 0,
  attempts bigint NOT NULL DEFAULT 0,
  queue text NOT NULL DEFAULT '',
  turn bigint NOT NULL DEFAULT 0,
  wait_until_ms bigint
);
CREATE UNIQUE INDEX monitoring_jobs_by_slot ON monitoring_jobs (schedule, scheduled_ms);
CREATE INDEX monitoring_jobs_by_turn ON monitoring_jobs (status, turn);
CREATE INDEX monitoring_jobs_by_queue ON monitoring_jobs (queue, status);
CREATE INDEX monitoring_jobs_by_judged ON monitoring_jobs (judged, ended_ms);
CREATE TABLE monitoring_alerts (
  schedule text NOT NULL,
  name text NOT NULL,
  status text NOT NULL,
  datapoints bigint NOT NULL,
  period bigint NOT NULL,
  created_ms bigint NOT NULL,
  modified_ms bigint NOT NULL,
  PRIMARY KEY (schedule, name)
);
CREATE TABLE monitoring_alert_changes (
  id text PRIMARY KEY NOT NULL,
  schedule text NOT NULL,
  alert text NOT NULL,
  status text NOT NULL,
  created_ms bigint NOT NULL
);
CREATE INDEX monitoring_alert_changes_by_time ON monitoring_alert_changes (created_ms);
