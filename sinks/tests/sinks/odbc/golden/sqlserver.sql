CREATE TABLE "geo"."windows" (
    "sensor_id" nvarchar(256) COLLATE Latin1_General_100_BIN2 NOT NULL,
    "window_start_ts" datetime2(3) NOT NULL,
    "window_end_ts" datetime2(3) NOT NULL,
    "pane" integer NOT NULL,
    "clock_era" integer NOT NULL,
    "input_partition" integer NOT NULL,
    "max_amplitude" float(53) NOT NULL,
    "closed_by" nvarchar(256) COLLATE Latin1_General_100_BIN2 NOT NULL,
    "result_partition" integer NOT NULL,
    "result_offset" bigint NOT NULL,
    PRIMARY KEY ("sensor_id", "window_start_ts", "window_end_ts", "pane", "clock_era", "input_partition")
);
CREATE TABLE "geo"."seismic_position" (
    "sink" nvarchar(256) COLLATE Latin1_General_100_BIN2 NOT NULL,
    "part" integer NOT NULL,
    "store" nvarchar(256) COLLATE Latin1_General_100_BIN2 NOT NULL,
    "topic" nvarchar(256) COLLATE Latin1_General_100_BIN2 NOT NULL,
    "next" bigint NOT NULL,
    "last_offset" bigint,
    "last_append_ms" bigint,
    "last_crc" bigint,
    "writer" nvarchar(256) COLLATE Latin1_General_100_BIN2 NOT NULL,
    "written" datetime2(3) NOT NULL,
    PRIMARY KEY ("sink", "part")
);
CREATE TABLE "geo"."seismic_dead_letter" (
    "sink" nvarchar(256) COLLATE Latin1_General_100_BIN2 NOT NULL,
    "part" integer NOT NULL,
    "row_offset" bigint NOT NULL,
    "reason" nvarchar(max) NOT NULL,
    "message" varbinary(max) NOT NULL,
    "written" datetime2(3) NOT NULL,
    PRIMARY KEY ("sink", "part", "row_offset")
);
INSERT INTO "geo"."windows" ("sensor_id", "window_start_ts", "window_end_ts", "pane", "clock_era", "input_partition", "max_amplitude", "closed_by", "result_partition", "result_offset") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
MERGE INTO "geo"."windows" WITH (HOLDLOCK) AS t USING (VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)) AS s ("sensor_id", "window_start_ts", "window_end_ts", "pane", "clock_era", "input_partition", "max_amplitude", "closed_by", "result_partition", "result_offset") ON (t."sensor_id" = s."sensor_id" AND t."window_start_ts" = s."window_start_ts" AND t."window_end_ts" = s."window_end_ts" AND t."pane" = s."pane" AND t."clock_era" = s."clock_era" AND t."input_partition" = s."input_partition") WHEN MATCHED THEN UPDATE SET t."max_amplitude" = s."max_amplitude", t."closed_by" = s."closed_by", t."result_partition" = s."result_partition", t."result_offset" = s."result_offset" WHEN NOT MATCHED THEN INSERT ("sensor_id", "window_start_ts", "window_end_ts", "pane", "clock_era", "input_partition", "max_amplitude", "closed_by", "result_partition", "result_offset") VALUES (s."sensor_id", s."window_start_ts", s."window_end_ts", s."pane", s."clock_era", s."input_partition", s."max_amplitude", s."closed_by", s."result_partition", s."result_offset");
MERGE INTO "geo"."windows" WITH (HOLDLOCK) AS t USING (VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)) AS s ("sensor_id", "window_start_ts", "window_end_ts", "pane", "clock_era", "input_partition", "max_amplitude", "closed_by", "result_partition", "result_offset") ON (t."sensor_id" = s."sensor_id" AND t."window_start_ts" = s."window_start_ts" AND t."window_end_ts" = s."window_end_ts" AND t."pane" = s."pane" AND t."clock_era" = s."clock_era" AND t."input_partition" = s."input_partition") WHEN NOT MATCHED THEN INSERT ("sensor_id", "window_start_ts", "window_end_ts", "pane", "clock_era", "input_partition", "max_amplitude", "closed_by", "result_partition", "result_offset") VALUES (s."sensor_id", s."window_start_ts", s."window_end_ts", s."pane", s."clock_era", s."input_partition", s."max_amplitude", s."closed_by", s."result_partition", s."result_offset");
UPDATE "geo"."windows" SET "max_amplitude" = ?, "closed_by" = ?, "result_partition" = ?, "result_offset" = ? WHERE "sensor_id" = ? AND "window_start_ts" = ? AND "window_end_ts" = ? AND "pane" = ? AND "clock_era" = ? AND "input_partition" = ?
SELECT 1 FROM "geo"."windows" WHERE "sensor_id" = ? AND "window_start_ts" = ? AND "window_end_ts" = ? AND "pane" = ? AND "clock_era" = ? AND "input_partition" = ?
