-- What the migrations add up to; store/sqlite_store_test compares. Change it together with a new migration.

CREATE TABLE schema_migrations (version bigint PRIMARY KEY NOT NULL, name text NOT NULL);

CREATE TABLE fleets (
  name text PRIMARY KEY NOT NULL,
  description text,
  role_arn text,
  output_config text NOT NULL,
  role_alias bigint NOT NULL,
  created_ms bigint NOT NULL,
  modified_ms bigint NOT NULL
);

CREATE TABLE devices (
  fleet text NOT NULL REFERENCES fleets (name),
  name text NOT NULL,
  description text,
  thing_name text,
  registered_ms bigint NOT NULL,
  heartbeat_ms bigint,
  agent_version text,
  model_names text NOT NULL,
  heartbeat text,
  PRIMARY KEY (fleet, name)
);

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

CREATE TABLE access_keys (
  id text PRIMARY KEY NOT NULL,
  secret text NOT NULL,
  role text NOT NULL,
  fleet text,
  device text,
  created_ms bigint NOT NULL,
  sealed bigint NOT NULL DEFAULT 0,
  user_name text REFERENCES users (name) ON DELETE CASCADE,
  fleets text NOT NULL DEFAULT '[]',
  description text,
  enabled bigint NOT NULL DEFAULT 1,
  expires_ms bigint,
  used_ms bigint,
  FOREIGN KEY (fleet, device) REFERENCES devices (fleet, name) ON DELETE CASCADE
);
CREATE INDEX access_keys_by_device ON access_keys (fleet, device);
CREATE INDEX access_keys_by_user ON access_keys (user_name);

CREATE TABLE tags (
  resource_arn text NOT NULL,
  name text NOT NULL,
  content text NOT NULL,
  PRIMARY KEY (resource_arn, name)
);

CREATE TABLE compilation_jobs (
  name text PRIMARY KEY NOT NULL,
  status text NOT NULL,
  request text NOT NULL,
  created_ms bigint NOT NULL,
  modified_ms bigint NOT NULL,
  started_ms bigint,
  ended_ms bigint,
  failure_reason text NOT NULL,
  artifact_uri text NOT NULL,
  artifact_sha256 text NOT NULL,
  holder text NOT NULL DEFAULT '',
  token bigint NOT NULL DEFAULT 0,
  lease_until_ms bigint NOT NULL DEFAULT 0,
  attempts bigint NOT NULL DEFAULT 0,
  queue text NOT NULL DEFAULT '',
  turn bigint NOT NULL DEFAULT 0,
  wait_until_ms bigint,
  derived_inputs text NOT NULL DEFAULT ''
);
CREATE INDEX compilation_jobs_by_status ON compilation_jobs (status, created_ms);
CREATE INDEX compilation_jobs_by_turn ON compilation_jobs (status, turn);
CREATE INDEX compilation_jobs_by_queue ON compilation_jobs (queue, status);

CREATE TABLE packaging_jobs (
  name text PRIMARY KEY NOT NULL,
  status text NOT NULL,
  compilation_job text NOT NULL,
  model_name text NOT NULL,
  model_version text NOT NULL,
  request text NOT NULL,
  created_ms bigint NOT NULL,
  modified_ms bigint NOT NULL,
  status_message text NOT NULL,
  artifact_uri text NOT NULL,
  artifact_sha1 text NOT NULL,
  signature text NOT NULL,
  holder text NOT NULL DEFAULT '',
  token bigint NOT NULL DEFAULT 0,
  lease_until_ms bigint NOT NULL DEFAULT 0,
  attempts bigint NOT NULL DEFAULT 0,
  queue text NOT NULL DEFAULT '',
  turn bigint NOT NULL DEFAULT 0,
  wait_until_ms bigint,
  started_ms bigint,
  ended_ms bigint,
  preset text NOT NULL DEFAULT ''
);
CREATE INDEX packaging_jobs_by_status ON packaging_jobs (status, created_ms);
CREATE INDEX packaging_jobs_by_turn ON packaging_jobs (status, turn);
CREATE INDEX packaging_jobs_by_queue ON packaging_jobs (queue, status);
CREATE INDEX packaging_jobs_by_compilation ON packaging_jobs (compilation_job);

CREATE TABLE deployment_plans (
  name text PRIMARY KEY NOT NULL,
  fleet text NOT NULL REFERENCES fleets (name),
  model_configs text NOT NULL,
  chance text NOT NULL,
  created_ms bigint NOT NULL,
  modified_ms bigint NOT NULL
);
CREATE INDEX deployment_plans_by_fleet ON deployment_plans (fleet);

CREATE TABLE deployment_stages (
  plan text NOT NULL REFERENCES deployment_plans (name) ON DELETE CASCADE,
  name text NOT NULL,
  position bigint NOT NULL,
  selection text NOT NULL,
  policy text NOT NULL,
  status text NOT NULL,
  message text NOT NULL,
  started_ms bigint,
  start_number bigint,
  deployment_name text UNIQUE,
  pending bigint NOT NULL,
  deployed bigint NOT NULL,
  failed bigint NOT NULL,
  phase text NOT NULL DEFAULT 'NONE',
  step bigint NOT NULL DEFAULT 0,
  after_device text NOT NULL DEFAULT '',
  draw_limit text NOT NULL DEFAULT '',
  PRIMARY KEY (plan, name)
);
CREATE INDEX deployment_stages_moving ON deployment_stages (start_number) WHERE phase <> 'NONE';

CREATE TABLE stage_devices (
  plan text NOT NULL,
  stage text NOT NULL,
  fleet text NOT NULL,
  device text NOT NULL,
  status text NOT NULL,
  message text NOT NULL,
  reason text NOT NULL,
  started_ms bigint NOT NULL,
  control_peer text,
  PRIMARY KEY (plan, stage, device),
  FOREIGN KEY (plan, stage) REFERENCES deployment_stages (plan, name) ON DELETE CASCADE
);
CREATE INDEX stage_devices_by_device ON stage_devices (fleet, device);

CREATE TABLE definitions (
  deployment_name text NOT NULL,
  model_handle text NOT NULL,
  uri text NOT NULL,
  sha1 text NOT NULL,
  policy text NOT NULL DEFAULT 'ROLLBACK_ON_FAILURE',
  PRIMARY KEY (deployment_name, model_handle)
);

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

CREATE TABLE device_models (
  fleet text NOT NULL,
  model text NOT NULL,
  device text NOT NULL,
  version text NOT NULL,
  PRIMARY KEY (fleet, model, device, version)
);

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

CREATE TABLE ingest_marks (name text PRIMARY KEY NOT NULL, set_ms bigint NOT NULL);

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

-- Devices whose captured objects are still to be deleted; the rows are gone already.
CREATE TABLE erasures (
  id text PRIMARY KEY NOT NULL,
  fleet text NOT NULL,
  device text NOT NULL,
  locations text NOT NULL,
  start_after text NOT NULL,
  objects_deleted bigint NOT NULL,
  requested_ms bigint NOT NULL
);

CREATE TABLE epochs (name text PRIMARY KEY NOT NULL, number bigint NOT NULL);

CREATE TABLE desired_models (
  fleet text NOT NULL,
  device text NOT NULL,
  model_handle text NOT NULL,
  state text NOT NULL,
  deployment_name text NOT NULL,
  start_number bigint NOT NULL,
  former_name text,
  former_number bigint,
  PRIMARY KEY (fleet, device, model_handle),
  FOREIGN KEY (fleet, device) REFERENCES devices (fleet, name) ON DELETE CASCADE
);
CREATE INDEX desired_models_by_deployment ON desired_models (deployment_name);
CREATE INDEX desired_models_by_former ON desired_models (former_name) WHERE former_name IS NOT NULL;

CREATE TABLE stage_advances (
  deployment_name text NOT NULL,
  step bigint NOT NULL,
  token bigint NOT NULL,
  node text NOT NULL,
  devices bigint NOT NULL,
  at_ms bigint NOT NULL,
  PRIMARY KEY (deployment_name, step, token)
);

-- The documents by which the keys that devices trust change: docs/formats/roots.md.
CREATE TABLE roots_documents (
  version bigint PRIMARY KEY NOT NULL,
  document text NOT NULL,
  created_ms bigint NOT NULL
);

-- Reports of counts (docs/formats/statistics.md) that are not merged yet. Written by the heartbeats' group commit.
CREATE TABLE statistics_reports (
  fleet text NOT NULL,
  device text NOT NULL,
  boot text NOT NULL,
  sequence bigint NOT NULL,
  received_ms bigint NOT NULL,
  report text NOT NULL,
  PRIMARY KEY (fleet, device, boot, sequence)
);
CREATE INDEX statistics_reports_by_time ON statistics_reports (received_ms);

-- The last merged report of each start of a device: an older one that comes again is not counted twice.
CREATE TABLE statistics_merged (
  fleet text NOT NULL,
  device text NOT NULL,
  boot text NOT NULL,
  sequence bigint NOT NULL,
  merged_ms bigint NOT NULL,
  PRIMARY KEY (fleet, device, boot)
);
CREATE INDEX statistics_merged_by_time ON statistics_merged (merged_ms);

-- Baselines that devices count against, as they stand in packages; '' in artifact: looked for and not found.
CREATE TABLE drift_baselines (
  id text PRIMARY KEY NOT NULL,
  artifact text NOT NULL,
  looked_ms bigint NOT NULL
);

-- What is judged as one: a model's version in a fleet under one baseline. `id` is derived from these names.
CREATE TABLE drift_subjects (
  id text PRIMARY KEY NOT NULL,
  fleet text NOT NULL,
  model text NOT NULL,
  version text NOT NULL,
  baseline text NOT NULL,
  first_ms bigint NOT NULL,
  reported_ms bigint NOT NULL,
  judged_ms bigint NOT NULL,
  stepped_ms bigint NOT NULL,
  silenced_until_ms bigint NOT NULL,
  restarted_ms bigint NOT NULL,
  epoch bigint NOT NULL,
  state text NOT NULL,
  pending text NOT NULL,
  detectors text NOT NULL,
  judgement text NOT NULL
);
CREATE INDEX drift_subjects_by_model ON drift_subjects (fleet, model, version, reported_ms);

-- Counts by hour: of all devices (tag_key ''), and of those with one value of a tag.
CREATE TABLE drift_counts (
  subject text NOT NULL,
  tag_key text NOT NULL,
  tag_value text NOT NULL,
  hour_ms bigint NOT NULL,
  samples bigint NOT NULL,
  counts text NOT NULL,
  PRIMARY KEY (subject, tag_key, tag_value, hour_ms)
);
CREATE INDEX drift_counts_by_time ON drift_counts (hour_ms);

-- A device's current evidence about a subject; named_order is 0 for named devices, otherwise 1.
CREATE TABLE drift_devices (
  subject text NOT NULL,
  fleet text NOT NULL,
  device text NOT NULL,
  boot text NOT NULL,
  began_ms bigint NOT NULL,
  reported_ms bigint NOT NULL,
  epoch bigint NOT NULL,
  steps bigint NOT NULL,
  samples bigint NOT NULL,
  evidence text NOT NULL,
  named text NOT NULL,
  named_order bigint NOT NULL,
  capture_until_ms bigint NOT NULL,
  PRIMARY KEY (subject, device)
);
CREATE INDEX drift_devices_by_name ON drift_devices (subject, named_order, device);
CREATE INDEX drift_devices_of_device ON drift_devices (fleet, device);
CREATE INDEX drift_devices_by_capture ON drift_devices (capture_until_ms) WHERE capture_until_ms > 0;

-- Evidence over time, by minute and hour.
CREATE TABLE drift_points (
  subject text NOT NULL,
  step_ms bigint NOT NULL,
  time_ms bigint NOT NULL,
  samples bigint NOT NULL,
  evidence text NOT NULL,
  PRIMARY KEY (subject, step_ms, time_ms)
);
CREATE INDEX drift_points_by_time ON drift_points (step_ms, time_ms);

CREATE TABLE drift_alarms (
  id text PRIMARY KEY NOT NULL,
  subject text NOT NULL,
  fleet text NOT NULL,
  model text NOT NULL,
  version text NOT NULL,
  baseline text NOT NULL,
  state text NOT NULL,
  opened_ms bigint NOT NULL,
  changed_ms bigint NOT NULL,
  quiet_since_ms bigint NOT NULL,
  evidence double precision NOT NULL,
  threshold double precision NOT NULL,
  affected bigint NOT NULL,
  features text NOT NULL,
  tags text NOT NULL,
  actor text NOT NULL,
  comment text NOT NULL
);
CREATE INDEX drift_alarms_by_subject ON drift_alarms (subject, id);
CREATE TABLE drift_alarm_devices (
  alarm text NOT NULL,
  fleet text NOT NULL,
  device text NOT NULL,
  PRIMARY KEY (alarm, device)
);
CREATE INDEX drift_alarm_devices_of_device ON drift_alarm_devices (fleet, device);
CREATE TABLE drift_alarm_changes (
  alarm text NOT NULL,
  number bigint NOT NULL,
  time_ms bigint NOT NULL,
  state text NOT NULL,
  evidence double precision NOT NULL,
  actor text NOT NULL,
  comment text NOT NULL,
  PRIMARY KEY (alarm, number)
);

-- Who hears of alarms, and what is still to be sent.
CREATE TABLE alert_targets (
  name text PRIMARY KEY NOT NULL,
  address text NOT NULL,
  secret text NOT NULL,
  kinds text NOT NULL,
  fleets text NOT NULL,
  created_ms bigint NOT NULL,
  attempted_ms bigint NOT NULL,
  delivered bigint NOT NULL,
  dropped bigint NOT NULL,
  last_error text NOT NULL
);
CREATE TABLE alert_outbox (
  id text PRIMARY KEY NOT NULL,
  target text NOT NULL,
  kind text NOT NULL,
  body text NOT NULL,
  created_ms bigint NOT NULL,
  attempts bigint NOT NULL,
  next_ms bigint NOT NULL
);
CREATE INDEX alert_outbox_by_time ON alert_outbox (next_ms);
CREATE INDEX alert_outbox_by_target ON alert_outbox (target);

-- Labels for inferences.
CREATE TABLE ground_truth (
  fleet text NOT NULL,
  model text NOT NULL,
  version text NOT NULL,
  inference text NOT NULL,
  time_ms bigint NOT NULL,
  received_ms bigint NOT NULL,
  device text NOT NULL,
  label text NOT NULL,
  prediction text NOT NULL,
  score double precision,
  label_value double precision,
  prediction_value double precision,
  PRIMARY KEY (fleet, model, version, inference)
);
CREATE INDEX ground_truth_by_time ON ground_truth (fleet, model, version, time_ms);
CREATE INDEX ground_truth_by_arrival ON ground_truth (received_ms);

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
