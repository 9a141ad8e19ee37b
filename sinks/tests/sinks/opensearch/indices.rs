//! The indices of the fake server, and what requests do to them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::fake::Request;

/// Everything that the server has.
#[derive(Clone, Debug, Default)]
pub struct Indices {
    indices: BTreeMap<String, Index>,
    templates: BTreeMap<String, Value>,
    /// Documents with this text are refused.
    pub refuses: Option<String>,
    /// Settings of the index that is made next, which no template has.
    pub next_settings: BTreeMap<String, String>,
    /// Whether a document makes its index.
    pub keeps_indices: bool,
}

#[derive(Clone, Debug, Default)]
struct Index {
    documents: BTreeMap<String, Document>,
    /// As the last refresh left them.
    found: BTreeMap<String, Value>,
    settings: BTreeMap<String, String>,
    next_seq_no: u64,
}

#[derive(Clone, Debug)]
struct Document {
    source: Value,
    seq_no: u64,
}

type Answer = (u16, Value);

fn error(status: u16, name: &str, reason: &str) -> Answer {
    (status, json!({ "error": { "type": name, "reason": reason }, "status": status }))
}

fn no_index(index: &str) -> Answer {
    error(404, "index_not_found_exception", &format!("no such index [{index}]"))
}

impl Indices {
    /// Names of all indices.
    pub fn names(&self) -> Vec<&str> {
        self.indices.keys().map(String::as_str).collect()
    }

    /// Ids of the documents of an index.
    pub fn ids(&self, index: &str) -> Vec<&str> {
        self.indices[index].documents.keys().map(String::as_str).collect()
    }

    /// A document.
    pub fn document(&mut self, index: &str, id: &str) -> &mut Value {
        &mut self.indices.get_mut(index).unwrap().documents.get_mut(id).unwrap().source
    }

    /// A setting of an index.
    pub fn set(&mut self, index: &str, name: &str, value: &str) {
        self.index(index).settings.insert(name.to_owned(), value.to_owned());
    }

    /// Does what is asked for. With `is_half` each second document of a `_bulk` is left out.
    pub fn answer(&mut self, request: &Request, is_half: bool) -> Answer {
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let parts: Vec<String> = path.split('/').skip(1).map(decoded).collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let body = &request.body;
        let body_json = || serde_json::from_str::<Value>(body).unwrap();
        match (request.method.as_str(), &parts[..]) {
            ("GET", [""]) => {
                (200, json!({ "version": { "distribution": "opensearch", "number": "2.19.6" } }))
            }
            ("GET", ["_cluster", "health"]) => {
                (200, json!({ "status": "yellow", "number_of_data_nodes": 2 }))
            }
            ("POST", ["_bulk"]) => self.bulk(body, is_half),
            ("GET", ["_index_template", name]) => match self.templates.get(*name) {
                Some(template) => (200, template.clone()),
                None => error(404, "resource_not_found_exception", "no such template"),
            },
            ("PUT", ["_index_template", name]) => {
                self.templates.insert((*name).to_owned(), body_json());
                (200, json!({ "acknowledged": true }))
            }
            ("POST", [indices, "_refresh"]) => {
                for (_, index) in self.indices.iter_mut().filter(|(name, _)| fits(indices, name)) {
                    let documents = index.documents.iter();
                    index.found =
                        documents.map(|(id, it)| (id.clone(), it.source.clone())).collect();
                }
                (200, json!({}))
            }
            ("POST", [indices, "_search"]) => self.search(indices, &body_json()),
            ("GET", [indices, "_settings", name]) => {
                let fitting = self.indices.iter().filter(|(of, _)| fits(indices, of));
                let settings = fitting.map(|(of, index)| {
                    let all = index.settings.iter().filter(|(setting, _)| setting == name);
                    (of.clone(), json!({ "settings": all.collect::<BTreeMap<_, _>>() }))
                });
                (200, settings.collect())
            }
            ("GET", [index, "_doc", id]) => self.get(index, id),
            ("PUT", [index, way @ ("_doc" | "_create"), id]) => {
                let number = |name: &str| {
                    let value = query.split('&').find_map(|part| part.strip_prefix(name));
                    value.map(|value| value.parse::<u64>().unwrap())
                };
                let known = number("if_seq_no=");
                assert_eq!(known.map(|_| 1), number("if_primary_term="));
                self.put(index, id, body_json(), known, *way == "_create")
            }
            ("GET", [index]) => match self.indices.contains_key(*index) {
                true => (200, json!({})),
                false => no_index(index),
            },
            ("PUT", [index]) => {
                if self.indices.contains_key(*index) {
                    return error(400, "resource_already_exists_exception", "it is there");
                }
                self.index(index);
                (200, json!({ "acknowledged": true }))
            }
            _ => panic!("no one asks for {} {}", request.method, request.path),
        }
    }

    /// An index, which is made where it is missing.
    fn index(&mut self, name: &str) -> &mut Index {
        let settings = &self.next_settings;
        self.indices
            .entry(name.to_owned())
            .or_insert_with(|| Index { settings: settings.clone(), ..Index::default() })
    }

    fn get(&self, index: &str, id: &str) -> Answer {
        let Some(of) = self.indices.get(index) else { return no_index(index) };
        match of.documents.get(id) {
            None => (404, json!({ "found": false })),
            Some(Document { source, seq_no }) => {
                let version = json!({ "_seq_no": seq_no, "_primary_term": 1, "found": true, "_source": source });
                (200, version)
            }
        }
    }

    fn put(
        &mut self,
        index: &str,
        id: &str,
        source: Value,
        known: Option<u64>,
        is_new: bool,
    ) -> Answer {
        if self.keeps_indices && !self.indices.contains_key(index) {
            return no_index(index);
        }
        let of = self.index(index);
        let found = of.documents.get(id).map(|document| document.seq_no);
        if is_new && found.is_some() || known.is_some() && known != found {
            return error(409, "version_conflict_engine_exception", "another version is there");
        }
        let seq_no = of.next_seq_no;
        of.next_seq_no += 1;
        of.documents.insert(id.to_owned(), Document { source, seq_no });
        (if found.is_some() { 200 } else { 201 }, json!({ "_seq_no": seq_no, "_primary_term": 1 }))
    }

    fn bulk(&mut self, body: &str, is_half: bool) -> Answer {
        assert!(body.ends_with('\n'), "a bulk ends with a line break");
        let (mut lines, mut items, mut errors) = (body.lines(), Vec::new(), false);
        while let Some(line) = lines.next() {
            let action: Value = serde_json::from_str(line).unwrap();
            let place = &action[if action["delete"].is_null() { "index" } else { "delete" }];
            let (index, id) = (place["_index"].as_str().unwrap(), place["_id"].as_str().unwrap());
            assert!(id.len() <= 512, "{id}");
            let (name, (status, mut said)) = if action["delete"].is_null() {
                let text = lines.next().unwrap();
                let is_refused = self.refuses.as_ref().is_some_and(|it| text.contains(&**it));
                let answer = if is_half && items.len() % 2 == 1 {
                    error(429, "rejected_execution_exception", "too busy")
                } else if is_refused {
                    error(400, "mapper_parsing_exception", "failed to parse field")
                } else {
                    self.put(index, id, serde_json::from_str(text).unwrap(), None, false)
                };
                ("index", answer)
            } else {
                let gone = self.index(index).documents.remove(id);
                ("delete", (if gone.is_some() { 200 } else { 404 }, json!({})))
            };
            errors |= status >= 400 && name == "index";
            items.push(json!({ name: { "status": status, "error": said["error"].take() } }));
        }
        (200, json!({ "errors": errors, "items": items }))
    }

    fn search(&self, indices: &str, body: &Value) -> Answer {
        let fitting = self.indices.iter().filter(|(name, _)| fits(indices, name));
        let all = fitting.flat_map(|(name, index)| {
            index.found.iter().map(move |(id, source)| (name, id, source))
        });
        let mut hits: Vec<(Vec<Value>, Value)> = all
            .filter(|(_, _, source)| matches(&body["query"], source))
            .map(|(index, id, source)| {
                let keys = body["sort"].as_array().unwrap().iter().map(|key| match key {
                    Value::String(_) => json!(index),
                    key => source[key.as_object().unwrap().keys().next().unwrap()].clone(),
                });
                let keys: Vec<Value> = keys.collect();
                let mut hit = json!({ "_index": index, "_id": id, "sort": keys });
                if body["_source"] == true {
                    hit["_source"] = source.clone();
                }
                (keys, hit)
            })
            .filter(|(keys, _)| {
                body["search_after"].as_array().is_none_or(|after| order(keys) > order(after))
            })
            .collect();
        hits.sort_by_key(|(keys, _)| order(keys));
        hits.truncate(body["size"].as_u64().unwrap() as usize);
        let hits: Vec<Value> = hits.into_iter().map(|(_, hit)| hit).collect();
        (200, json!({ "_shards": { "failed": 0 }, "hits": { "hits": hits } }))
    }
}

fn order(keys: &[Value]) -> (Option<i64>, Option<i64>, String) {
    (keys[0].as_i64(), keys[1].as_i64(), keys[2].to_string())
}

/// Whether a document meets a query.
fn matches(query: &Value, source: &Value) -> bool {
    let one = |query: &Value| {
        let (kind, of) = query.as_object().unwrap().iter().next().unwrap();
        if kind == "exists" {
            return !source[of["field"].as_str().unwrap()].is_null();
        }
        let (field, value) = of.as_object().unwrap().iter().next().unwrap();
        match kind.as_str() {
            "term" => source[field] == *value,
            "range" => source[field].as_i64() >= value["gte"].as_i64(),
            _ => panic!("no one asks for {query}"),
        }
    };
    match &query["bool"]["filter"] {
        Value::Null => one(query),
        all => all.as_array().unwrap().iter().all(one),
    }
}

/// Whether an index is one of these, by names with `*` in them and commas between.
fn fits(patterns: &str, index: &str) -> bool {
    fn fits_one(pattern: &str, index: &str) -> bool {
        match pattern.split_once('*') {
            None => pattern == index,
            Some((begin, rest)) => index.strip_prefix(begin).is_some_and(|index| {
                let ends = (0..=index.len()).filter(|&at| index.is_char_boundary(at));
                ends.into_iter().any(|at| fits_one(rest, &index[at..]))
            }),
        }
    }
    patterns.split(',').any(|pattern| fits_one(pattern, index))
}

/// A part of a path without `%`.
fn decoded(part: &str) -> String {
    let mut words = part.split('%');
    let mut bytes = words.next().unwrap().as_bytes().to_vec();
    for word in words {
        bytes.push(u8::from_str_radix(&word[..2], 16).unwrap());
        bytes.extend_from_slice(&word.as_bytes()[2..]);
    }
    String::from_utf8(bytes).unwrap()
}
