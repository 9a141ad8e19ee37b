// A job file that is being changed, as nodes and edges. The file is the server's; here is what was changed of it, and
// what is placed and is not connected yet.

const OF_WINDOWS = ["window", "lateness", "allowed_lateness", "idle_timeout", "time", "rollup", "dedupe", "amplitude", "region", "phases",
  "max_ahead", "max_jump", "earliest_event", "latest_event", "max_sensors", "spread", "repartition"];
const OF_TOPIC = ["topic", "queue", "from", "kafka"];
const OF_RESULT = ["result_topic", "dead_topic", "store"];
// What has nodes of its own, is not for a server, or is no form.
const ELSEWHERE = [...OF_WINDOWS, ...OF_TOPIC, ...OF_RESULT, "sql", "input", "output", "dimension", "sink", "env", "http", "quiet", "slot"];

export class Draft {
  // Of a job of the server, or a new one.
  constructor(job) {
    Object.assign(this, { job, edits: [], loose: [], made: 0, values: {}, faults: [], known: {}, kind: null, others: [] });
  }

  get isSql() { return this.kind === "sql"; }

  // What the server says of the file after all changes.
  take({ values, faults, topics }) {
    this.known = topics ?? this.known;
    this.values = values ?? {};
    this.faults = faults;
    if (this.job) this.kind = this.values.sql !== undefined || this.values.input || this.values.output ? "sql" : "windows";
  }

  // The last of several changes of one key counts; those of lists move what is behind them.
  set(way, value) {
    const last = this.edits.at(-1);
    if (last && JSON.stringify(last.path) === JSON.stringify(way) && last.value !== null && value !== null) last.value = value;
    else this.edits.push({ path: way, value });
    let at = this.values;
    way.slice(0, -1).forEach((step, depth) => {
      at[step] ??= typeof way[depth + 1] === "number" ? [] : {};
      at = typeof at[step] === "object" ? at[step] : {};
    });
    if (Array.isArray(at) && value === null) at.splice(way.at(-1), 1);
    else if (value === null) delete at[way.at(-1)];
    else at[way.at(-1)] = value;
  }

  get topic() { return this.isSql ? this.values.input?.topic : this.values.topic; }
  get result() { return this.isSql ? this.values.output?.topic : this.values.result_topic; }
  get sinks() { return [this.values.sink ?? []].flat(); }

  nodes() {
    const nodes = [];
    const add = (id, kind, label, title, detail, more = {}) => nodes.push({ id, kind, label, title, detail, ...more });
    if (this.kind && (this.topic !== undefined || this.job)) add("topic", "topic", "Topic", this.topic ?? this.known.topic ?? "by default", this.values.queue ?? this.known.queue ?? "", { ports: "out" });
    if (this.kind) {
      const detail = this.isSql ? this.values.sql ?? "" : `windows of ${this.values.window ?? "1s"}`;
      add("operator", "operator", "Operator", this.isSql ? "SQL statement" : "Windows", detail.slice(0, 120), { ports: "out" });
      add("result", "topic", "Topic", this.result ?? ((this.values.name && this.known.result_topic) || "results"), "of the job", { ports: this.isSql ? undefined : "out" });
    }
    if (!this.isSql) this.sinks.forEach((sink, at) => add(`sink ${at}`, "sink", "Sink", sink.type ?? String(sink), sink.target ?? ""));
    if (this.job && !this.isSql && !this.sinks.length) add("console", "sink", "Sink", "console", "by default");
    for (const { id, kind, values } of this.loose) {
      if (kind === "topic") add(id, "topic", "Topic", values.topic || "a topic", "", { isLoose: true, ports: "out" });
      else add(id, "sink", "Sink", values.type, values.target ?? "", { isLoose: true });
    }
    for (const node of nodes) node.isFaulty = this.faults.some((fault) => this.isOf(node.id, fault));
    return nodes;
  }

  edges() {
    const edges = [{ from: "topic", to: "operator" }, { from: "operator", to: "result" }];
    if (!this.isSql) this.sinks.forEach((_, at) => edges.push({ from: "result", to: `sink ${at}` }));
    return [...edges, { from: "result", to: "console" }];
  }

  // Whether a fault is of a node: it begins with file and line, and the key.
  isOf(id, fault) {
    const [, key] = /^(?:[^:]*:\d+: )?([a-z_]+)[.:]/.exec(fault) ?? [];
    if (!key) return false;
    if (id.startsWith("sink ")) return key === "sink";
    return { topic: [...OF_TOPIC, "input"], result: [...OF_RESULT, "output"], operator: [...OF_WINDOWS, "sql"] }[id]?.includes(key) ?? false;
  }

  // What is missing that no file says, before it may be submitted.
  missing() {
    if (!this.kind) return ["add what computes: windows, or a statement"];
    const missing = [];
    if (!this.job && this.topic === undefined) missing.push("connect a topic to it");
    if (!this.job && !this.isSql && !this.sinks.length) missing.push("connect a sink to its results");
    if (this.loose.length) missing.push(`connect or remove ${this.loose.map(({ values }) => values.topic ?? values.type ?? "a topic").join(", ")}`);
    return missing;
  }

  place(kind, type) {
    this.made += 1;
    if (kind === "windows" || kind === "sql") {
      if (this.kind) return null;
      this.kind = kind;
      if (kind === "sql") {
        this.set(["sql"], "select * from rows");
        this.set(["input", "format"], "json");
        this.set(["output", "topic"], `${this.values.name ?? "job"}-results`);
      }
      return "operator";
    }
    const node = { id: `loose ${this.made}`, kind, values: kind === "topic" ? {} : { type } };
    this.loose.push(node);
    return node.id;
  }

  // Connects two nodes: the node that was connected, or why it cannot be.
  connect(from, to) {
    const [a, b] = [this.find(from), this.find(to)];
    const way = `${a ? a.kind : from} → ${b ? b.kind : to}`;
    let id;
    if (a && way === "topic → operator") {
      this.free("topic");
      const name = a.values.topic || "seismic-data-topic";
      this.set(this.isSql ? ["input", "topic"] : ["topic"], name);
      if (this.isSql) this.readOf(name);
      id = "topic";
    } else if (b && way === "operator → topic") {
      this.set(this.isSql ? ["output", "topic"] : ["result_topic"], b.values.topic || "rows");
      id = "result";
    } else if (b && (way === "result → sink" || way === "operator → sink")) {
      if (this.isSql) return { why: "Sinks take rows of windows; those of a statement are in its topic, where other jobs read them" };
      this.set(["sink", this.sinks.length], b.values);
      id = `sink ${this.sinks.length - 1}`;
    } else {
      return { why: "These two cannot be connected: a topic goes to windows or a statement, and results go to sinks" };
    }
    this.loose = this.loose.filter((it) => it !== a && it !== b);
    return { id };
  }

  // A statement that reads what another job writes says whose it is.
  readOf(topic) {
    const writer = this.others.find(({ nodes, edges }) => edges.some(({ to, flow }) => flow === "rows" && nodes.some(({ id, title }) => id === to && title === topic)));
    const isOfWindows = writer?.nodes.some(({ kind, title }) => kind === "operator" && title === "Windows");
    this.set(["input", "of"], writer?.group ?? null);
    this.set(["input", "format"], isOfWindows ? "windows" : "json");
  }

  find(id) { return this.loose.find((it) => it.id === id); }

  // Takes an edge away; what it led from or to stays, and is not connected.
  free(id) {
    if (id === "topic" && this.topic !== undefined) {
      this.loose.push({ id: `loose ${this.made += 1}`, kind: "topic", values: { topic: this.topic } });
      this.set(this.isSql ? ["input", "topic"] : ["topic"], null);
    } else if (id.startsWith("sink ")) {
      const at = Number(id.slice(5));
      this.loose.push({ id: `loose ${this.made += 1}`, kind: "sink", values: this.sinks[at] });
      this.set(["sink", at], null);
    }
  }

  remove(id) {
    if (!this.find(id)) {
      if (id !== "topic" && !id.startsWith("sink ")) return false;
      this.free(id);
      this.loose.pop();
    } else {
      this.loose = this.loose.filter((it) => it.id !== id);
    }
    return true;
  }

  // The keys of a node: what they are called in the schema, their values, and how they are set.
  form(id, schema) {
    const { properties } = schema;
    const loose = this.find(id);
    const set = (way, value) => this.set(way, value);
    if (loose) {
      const names = this.others.flatMap(({ nodes }) => nodes.filter(({ kind }) => kind === "topic").map(({ title }) => title));
      const all = loose.kind === "topic" ? { topic: { ...properties.topic, known: [...new Set(names)] } } : sinkOf(schema, loose.values.type);
      return { properties: all, names: Object.keys(all), values: loose.values, set: ([key], value) => { if (value === null) delete loose.values[key]; else loose.values[key] = value; } };
    }
    if (id.startsWith("sink ")) {
      const [at, values] = [Number(id.slice(5)), this.sinks[Number(id.slice(5))]];
      const all = sinkOf(schema, values.type);
      return { properties: all, names: Object.keys(all), values, set: ([key], value) => set(["sink", at, key], value) };
    }
    const table = (name, keys) => ({ ...properties, [name]: { ...properties[name], properties: Object.fromEntries(keys.map((key) => [key, properties[name].properties[key]])) } });
    if (id === "topic") {
      const names = this.isSql ? ["input", "queue", "from", "kafka"] : OF_TOPIC;
      return { properties: table("input", ["topic", "format", "columns", "of", "name"]), names, values: this.values, set };
    }
    if (id === "result") return { properties: table("output", ["topic", "key", "columns"]), names: this.isSql ? ["output", "dead_topic", "store"] : OF_RESULT, values: this.values, set };
    if (id === "operator") return { properties: { ...properties, sql: { ...properties.sql, lines: 8 } }, names: this.isSql ? ["sql"] : OF_WINDOWS, values: this.values, set };
    const names = Object.keys(properties).filter((name) => !ELSEWHERE.includes(properties[name]["x-same-as"] ?? name));
    const first = ["name", "description"];
    return { properties, names: [...first, ...names.filter((name) => !first.includes(name))], values: this.values, set };
  }
}

// The types of sinks, each with its options.
export function sinkTables(schema) {
  const all = [schema.properties.sink];
  const found = [];
  while (all.length) {
    const one = all.shift();
    all.push(...(one.anyOf ?? []));
    if (one.properties?.type?.const) found.push(one.properties);
  }
  return found;
}

function sinkOf(schema, type) {
  const found = sinkTables(schema).find((it) => it.type.const === type) ?? {};
  const { type: _, target, ...others } = found;
  return target ? { target: { description: "Where it writes", ...target }, ...others } : others;
}
