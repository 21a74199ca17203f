-- Numbers that devices remember and that are therefore never given twice, not even after a restore.
CREATE TABLE epochs (name text PRIMARY KEY NOT NULL, number bigint NOT NULL);
INSERT INTO epochs (name, number)
  SELECT 'deployment_start', COALESCE(MAX(start_number), 0) FROM deployment_stages;
