-- What each device should have, as rows of its own; stages that start and stop in bounded advances.

ALTER TABLE deployment_stages ADD COLUMN phase text NOT NULL DEFAULT 'NONE';
ALTER TABLE deployment_stages ADD COLUMN step bigint NOT NULL DEFAULT 0;
ALTER TABLE deployment_stages ADD COLUMN after_device text NOT NULL DEFAULT '';
ALTER TABLE deployment_stages ADD COLUMN draw_limit text NOT NULL DEFAULT '';
CREATE INDEX deployment_stages_moving ON deployment_stages (start_number) WHERE phase <> 'NONE';

ALTER TABLE stage_devices ADD COLUMN control_peer text;

ALTER TABLE definitions ADD COLUMN policy text NOT NULL DEFAULT 'ROLLBACK_ON_FAILURE';

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

UPDATE definitions SET policy = COALESCE(
  (SELECT s.policy FROM deployment_stages s WHERE s.deployment_name = definitions.deployment_name),
  policy);

-- The newest deployment of each handle that was not stopped and did not roll back; if it failed and
-- was left as it is, nothing is desired.
INSERT INTO desired_models (fleet, device, model_handle, state, deployment_name, start_number)
  SELECT c.fleet, c.device, c.model_handle,
         CASE c.status WHEN 'DEPLOYED' THEN 'GOOD' WHEN 'INPROGRESS' THEN 'TAKEN' ELSE 'OFFERED' END,
         c.deployment_name, c.start_number
  FROM (SELECT d.fleet, d.device, f.model_handle, d.status, s.deployment_name, s.start_number,
               ROW_NUMBER() OVER (PARTITION BY d.fleet, d.device, f.model_handle
                                  ORDER BY s.start_number DESC) AS place
        FROM stage_devices d
        JOIN devices v ON v.fleet = d.fleet AND v.name = d.device
        JOIN deployment_stages s ON s.plan = d.plan AND s.name = d.stage
        JOIN definitions f ON f.deployment_name = s.deployment_name
        WHERE d.status <> 'STOPPED'
          AND NOT (d.status = 'FAILED' AND s.policy <> 'DO_NOTHING')) c
  WHERE c.place = 1 AND c.status <> 'FAILED';

-- What a failure goes back to: the newest older deployment that works there.
UPDATE desired_models SET former_number =
  (SELECT MAX(s.start_number)
   FROM stage_devices d
   JOIN deployment_stages s ON s.plan = d.plan AND s.name = d.stage
   JOIN definitions f ON f.deployment_name = s.deployment_name
   WHERE d.fleet = desired_models.fleet AND d.device = desired_models.device
     AND f.model_handle = desired_models.model_handle AND d.status = 'DEPLOYED'
     AND s.start_number < desired_models.start_number);
UPDATE desired_models SET former_name =
  (SELECT s.deployment_name FROM deployment_stages s
   WHERE s.start_number = desired_models.former_number)
  WHERE former_number IS NOT NULL;

-- Devices that wait for a deployment that a newer one has taken over.
UPDATE stage_devices SET status = 'STOPPED', message = 'a newer deployment took over'
  WHERE status IN ('READYTODEPLOY', 'INPROGRESS') AND NOT EXISTS
    (SELECT 1 FROM desired_models m
     JOIN deployment_stages s ON s.deployment_name = m.deployment_name
     WHERE m.fleet = stage_devices.fleet AND m.device = stage_devices.device
       AND s.plan = stage_devices.plan AND s.name = stage_devices.stage);
UPDATE deployment_stages SET
  pending = (SELECT COUNT(*) FROM stage_devices d WHERE d.plan = deployment_stages.plan
             AND d.stage = deployment_stages.name AND d.status IN ('READYTODEPLOY', 'INPROGRESS'))
  WHERE status = 'INPROGRESS';
UPDATE deployment_stages SET status = CASE WHEN failed > 0 THEN 'FAILED' ELSE 'DEPLOYED' END
  WHERE status = 'INPROGRESS' AND pending = 0;
UPDATE deployment_stages SET message = '';

DELETE FROM definitions WHERE NOT EXISTS
    (SELECT 1 FROM deployment_stages s WHERE s.deployment_name = definitions.deployment_name)
  AND NOT EXISTS
    (SELECT 1 FROM desired_models m WHERE m.deployment_name = definitions.deployment_name
     OR m.former_name = definitions.deployment_name);
