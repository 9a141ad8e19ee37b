// Where the nodes of a graph are: columns in the direction in which data moves, rows beside those that they follow.

export const WIDTH = 156;
export const HEIGHT = 58;
const BETWEEN = 60;
const BESIDE = 18;

// Places of nodes by id, and the size of all. Upright, columns become rows, as a phone has them.
export function layout(nodes, edges, isUpright) {
  const [before, after] = [new Map(nodes.map(({ id }) => [id, []])), new Map(nodes.map(({ id }) => [id, []]))];
  for (const { from, to } of edges) {
    before.get(to).push(from);
    after.get(from).push(to);
  }
  const depth = depths(nodes, before, after);
  const columns = [];
  for (const node of nodes) (columns[depth.get(node.id)] ??= []).push(node);
  const row = new Map();
  for (const column of columns) {
    const wish = new Map(column.map((node, at) => [node, wished(before.get(node.id), row) ?? at]));
    column.sort((a, b) => wish.get(a) - wish.get(b));
    let next = 0;
    for (const node of column) {
      const at = Math.max(next, wish.get(node));
      row.set(node.id, at);
      next = at + 1;
    }
  }
  const places = new Map();
  let [across, along] = [0, 0];
  for (const { id } of nodes) {
    const at = isUpright ? { x: row.get(id) * (WIDTH + BESIDE), y: depth.get(id) * (HEIGHT + BETWEEN) }
      : { x: depth.get(id) * (WIDTH + BETWEEN), y: row.get(id) * (HEIGHT + BESIDE) };
    places.set(id, at);
    across = Math.max(across, at.x + WIDTH);
    along = Math.max(along, at.y + HEIGHT);
  }
  return { places, width: across, height: along };
}

// The longest way to each node. Those of a ring, which no job has but a draft may, stay where they were met.
function depths(nodes, before, after) {
  const depth = new Map(nodes.map(({ id }) => [id, 0]));
  const left = new Map(nodes.map(({ id }) => [id, before.get(id).length]));
  const ready = nodes.map(({ id }) => id).filter((id) => !left.get(id));
  const sources = [...ready];
  for (const id of ready) {
    for (const to of after.get(id)) {
      depth.set(to, Math.max(depth.get(to), depth.get(id) + 1));
      left.set(to, left.get(to) - 1);
      if (!left.get(to)) ready.push(to);
    }
  }
  // What leads somewhere stands right before it.
  for (const id of sources) {
    if (after.get(id).length) depth.set(id, Math.max(0, Math.min(...after.get(id).map((to) => depth.get(to))) - 1));
  }
  return depth;
}

function wished(before, row) {
  const rows = before.filter((from) => row.has(from)).map((from) => row.get(from));
  return rows.length ? Math.min(...rows) : null;
}
