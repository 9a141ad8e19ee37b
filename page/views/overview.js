// Charts, map, sensors and their strips, side by side.

import { el, every, panel } from "../dom.js";
import { get, path } from "../api.js";
import { charts } from "../draw/charts.js";
import { SensorMap } from "../draw/map.js";
import { sensorList } from "./sensors.js";
import { strips } from "../draw/strips.js";

// Sensors on the map: the most active ones.
const ON_MAP = 1000;
// Strips at a time.
const STRIPS = 6;
// Strips that are shown before somebody chooses.
const FIRST = 3;

export function overview(job) {
  const numbers = charts(job);
  const chosen = [];
  let isChosen = false;
  const choose = (sensor) => {
    isChosen = true;
    const at = chosen.indexOf(sensor);
    if (at >= 0) chosen.splice(at, 1);
    else if (chosen.push(sensor) > STRIPS) chosen.shift();
    show();
  };
  const map = new SensorMap(choose);
  const list = sensorList(job, choose);
  const rows = strips(job, choose);
  const show = () => { map.choose(chosen); list.choose(chosen); rows.choose(chosen); };
  const note = el("span.muted");
  const stop = every(5000, async () => {
    const { sensors, total } = await get(`${path`/jobs/${job}/sensors`}?sort=records&limit=${ON_MAP}`);
    map.put(sensors);
    const placed = sensors.filter((it) => it.latitude !== null).length;
    note.textContent = total > ON_MAP ? `the ${ON_MAP} most active of ${total}` : placed < total ? `${placed} of ${total} say where they are` : `${total} sensors`;
    if (!isChosen && !chosen.length) {
      chosen.push(...sensors.slice(0, FIRST).map((it) => it.sensor));
      show();
    }
  });
  return {
    node: el("div", numbers.node,
      el("div.two", panel("Map", note, map.node), list.node),
      rows.node),
    update(entry) { numbers.update(entry); },
    close() { stop(); numbers.close(); map.close(); list.close(); rows.close(); },
  };
}
