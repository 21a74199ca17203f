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
