// How well a sensor does.

import { span } from "./format.js";

// A sensor that is so far behind the newest one is silent.
const SILENT_MS = 15000;
// More gaps or rejected records than one in so many are worth a mark.
const ONE_IN = 20;

export function health(sensor, newestMs) {
  if (newestMs - sensor.last_seen_ms > SILENT_MS) return "silent";
  const isBad = (sensor.gaps + sensor.rejected + sensor.late) * ONE_IN > sensor.records * 3;
  return sensor.wrong_clock || isBad ? "warn" : "ok";
}

export function healthWords(sensor, newestMs) {
  const kind = health(sensor, newestMs);
  if (kind === "silent") return `silent for ${span(newestMs - sensor.last_seen_ms)}`;
  if (sensor.wrong_clock) return `clock ${span(Math.abs(sensor.clock_offset_ms))} ${sensor.clock_offset_ms > 0 ? "slow" : "fast"}`;
  return kind === "warn" ? `${sensor.gaps} gaps, ${sensor.rejected} rejected, ${sensor.late} late` : "well";
}
