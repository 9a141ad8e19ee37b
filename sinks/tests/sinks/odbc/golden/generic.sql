CREATE TABLE "geo"."windows" (
    "sensor_id" varchar(256) NOT NULL,
    "window_start_ts" timestamp(3) NOT NULL,
    "window_end_ts" timestamp(3) NOT NULL,
    "pane" integer NOT NULL,
    "clock_era" integer NOT NULL,
    "input_partition" integer NOT NULL,
    "max_amplitude" double precision NOT NULL,
    "closed_by" varchar(256) NOT NULL,
    "result_partition" integer NOT NULL,
    "result_offset" bigint NOT NULL,
    PRIMARY KEY ("sensor_id", "window_start_ts", "window_end_ts", "pane", "clock_era", "input_partition")
);
CREATE TABLE "geo"."seismic_position" (
    "sink" varchar(256) NOT NULL,
    "part" integer NOT NULL,
    "store" varchar(256) NOT NULL,
    "topic" varchar(256) NOT NULL,
    "next" bigint NOT NULL,
    "last_offset" bigint,
    "last_append_ms" bigint,
    "last_crc" bigint,
    "writer" varchar(256) NOT NULL,
    "written" timestamp(3) NOT NULL,
    PRIMARY KEY ("sink", "part")
);
CREATE TABLE "geo"."seismic_dead_letter" (
    "sink" varchar(256) NOT NULL,
    "part" integer NOT NULL,
    "row_offset" bigint NOT NULL,
    "reason" varchar(4000) NOT NULL,
    "message" blob NOT NULL,
    "written" timestamp(3) NOT NULL,
    PRIMARY KEY ("sink", "part", "row_offset")
);
INSERT INTO "geo"."windows" ("sensor_id", "window_start_ts", "window_end_ts", "pane", "clock_era", "input_partition", "max_amplitude", "closed_by", "result_partition", "result_offset") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
UPDATE "geo"."windows" SET "max_amplitude" = ?, "closed_by" = ?, "result_partition" = ?, "result_offset" = ? WHERE "sensor_id" = ? AND "window_start_ts" = ? AND "window_end_ts" = ? AND "pane" = ? AND "clock_era" = ? AND "input_partition" = ?
SELECT 1 FROM "geo"."windows" WHERE "sensor_id" = ? AND "window_start_ts" = ? AND "window_end_ts" = ? AND "pane" = ? AND "clock_era" = ? AND "input_partition" = ?
