// Fields of a form from the JSON Schema of a job file: one for each key, with its help and its default.

import { el } from "../dom.js";

// A field of a key. `change(value)` is called with a value of JSON, or null for the default.
export function field(name, schema, value, change) {
  const id = `field-${name.replaceAll(/[^a-z0-9_]/gi, "-")}`;
  const input = widget(schema, value, change);
  const help = schema.description ?? "";
  const words = schema.$comment?.replace(/^default: ?/, "") ?? "";
  if (!input) return el("p.field.muted", `${name}: `, el("code", JSON.stringify(value ?? null)), " (change it in the file)");
  input.id = id;
  if (help) input.setAttribute("aria-describedby", `${id}-help`);
  if ("placeholder" in input && words) input.placeholder = words;
  if (schema.known) input.setAttribute("list", `${id}-known`);
  return el("div.field", el("label", { for: id }, name), input,
    schema.known && el("datalist", { id: `${id}-known` }, schema.known.map((value) => el("option", { value }))),
    help && el("p", { id: `${id}-help`, class: "muted" }, help, words && !("placeholder" in input) ? `. Default: ${words}` : ""));
}

// The fields of an object's properties. Keys that are another one's second name are shown where they are set.
export function fields(properties, names, values, change) {
  const isShown = (name) => {
    const same = properties[name]["x-same-as"]?.split(".").at(-1);
    if (same) return values?.[name] !== undefined;
    const other = names.find((it) => properties[it]["x-same-as"]?.split(".").at(-1) === name);
    return !(other && values?.[other] !== undefined);
  };
  return names.filter((name) => properties[name] && isShown(name)).map((name) => {
    const schema = properties[name];
    if (schema.type !== "object" || !schema.properties) return field(name, schema, values?.[name], (value) => change([name], value));
    const inner = fields(schema.properties, Object.keys(schema.properties), values?.[name], ([key], value) => change([name, key], value));
    return el("details.field-group", { open: values?.[name] !== undefined }, el("summary", name), inner);
  });
}

function widget(schema, value, change) {
  const words = schema.enum ?? (schema.type === "boolean" ? [true, false] : null);
  if (words) {
    const options = words.map((word) => el("option", { value: String(word), selected: word === value }, String(word)));
    return el("select", { onchange: ({ target }) => change(words.find((word) => String(word) === target.value) ?? null) },
      el("option", { value: "", selected: value === undefined }, "as by default"), options);
  }
  const lists = [schema, ...(schema.anyOf ?? []), ...(schema.oneOf ?? [])];
  const list = lists.find(({ type }) => type === "array");
  if (list) return list.items?.type === "string" ? lines(value, change) : null;
  if (schema.type === "object") return pairs(value, change);
  if (lists.some(({ type, anyOf }) => type === "object" || anyOf)) return typeof value === "object" ? null : line(schema, value, change);
  return schema.lines ? area(value ?? "", (text) => change(text.trim() ? text : null), schema.lines) : line(schema, value, change);
}

function line(schema, value, change) {
  const types = [schema.type ?? "string"].flat();
  const isNumber = types.some((type) => type === "integer" || type === "number");
  const read = (text) => (isNumber && /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text || null);
  return el("input", { value: value ?? "", autocomplete: "off", spellcheck: "false", pattern: schema.pattern, maxlength: schema.maxLength,
    inputmode: isNumber && types.length === 1 ? "decimal" : null, oninput: ({ target }) => change(read(target.value.trim())) });
}

const area = (text, change, rows) => el("textarea", { rows, spellcheck: "false", oninput: ({ target }) => change(target.value) }, text);
const split = (text) => text.split("\n").map((it) => it.trim()).filter(Boolean);

// A list has a line for each of its entries.
function lines(value, change) {
  const entry = ([name, kind]) => (typeof kind === "string" ? `${name} ${kind}` : name);
  const all = value === undefined ? [] : Array.isArray(value) ? value : typeof value === "object" ? Object.entries(value).map(entry) : [value];
  return area(all.join("\n"), (text) => change(split(text).length ? split(text) : null), Math.max(2, all.length));
}

function pairs(value, change) {
  const all = Object.entries(value ?? {}).map(([name, it]) => `${name} = ${it}`);
  const read = (text) => Object.fromEntries(split(text).map((it) => it.split(/=(.*)/s).map((part) => part.trim())).filter(([name, it]) => name && it !== undefined));
  return area(all.join("\n"), (text) => change(split(text).length ? read(text) : null), Math.max(2, all.length));
}
