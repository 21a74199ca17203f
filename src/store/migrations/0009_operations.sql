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
