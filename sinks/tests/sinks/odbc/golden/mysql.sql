CREATE TABLE `geo`.`windows` (
    `sensor_id` varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    `window_start_ts` datetime(3) NOT NULL,
    `window_end_ts` datetime(3) NOT NULL,
    `pane` integer NOT NULL,
    `clock_era` integer NOT NULL,
    `input_partition` integer NOT NULL,
    `max_amplitude` double NOT NULL,
    `closed_by` varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    `result_partition` integer NOT NULL,
    `result_offset` bigint NOT NULL,
    PRIMARY KEY (`sensor_id`, `window_start_ts`, `window_end_ts`, `pane`, `clock_era`, `input_partition`)
) ENGINE=InnoDB;
CREATE TABLE `geo`.`seismic_position` (
    `sink` varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    `part` integer NOT NULL,
    `store` varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    `topic` varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    `next` bigint NOT NULL,
    `last_offset` bigint,
    `last_append_ms` bigint,
    `last_crc` bigint,
    `writer` varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    `written` datetime(3) NOT NULL,
    PRIMARY KEY (`sink`, `part`)
) ENGINE=InnoDB;
CREATE TABLE `geo`.`seismic_dead_letter` (
    `sink` varchar(256) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    `part` integer NOT NULL,
    `row_offset` bigint NOT NULL,
    `reason` text CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    `message` longblob NOT NULL,
    `written` datetime(3) NOT NULL,
    PRIMARY KEY (`sink`, `part`, `row_offset`)
) ENGINE=InnoDB;
INSERT INTO `geo`.`windows` (`sensor_id`, `window_start_ts`, `window_end_ts`, `pane`, `clock_era`, `input_partition`, `max_amplitude`, `closed_by`, `result_partition`, `result_offset`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
INSERT INTO `geo`.`windows` (`sensor_id`, `window_start_ts`, `window_end_ts`, `pane`, `clock_era`, `input_partition`, `max_amplitude`, `closed_by`, `result_partition`, `result_offset`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE `max_amplitude` = VALUES(`max_amplitude`), `closed_by` = VALUES(`closed_by`), `result_partition` = VALUES(`result_partition`), `result_offset` = VALUES(`result_offset`)
INSERT INTO `geo`.`windows` (`sensor_id`, `window_start_ts`, `window_end_ts`, `pane`, `clock_era`, `input_partition`, `max_amplitude`, `closed_by`, `result_partition`, `result_offset`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE `sensor_id` = `sensor_id`
UPDATE `geo`.`windows` SET `max_amplitude` = ?, `closed_by` = ?, `result_partition` = ?, `result_offset` = ? WHERE `sensor_id` = ? AND `window_start_ts` = ? AND `window_end_ts` = ? AND `pane` = ? AND `clock_era` = ? AND `input_partition` = ?
SELECT 1 FROM `geo`.`windows` WHERE `sensor_id` = ? AND `window_start_ts` = ? AND `window_end_ts` = ? AND `pane` = ? AND `clock_era` = ? AND `input_partition` = ?
