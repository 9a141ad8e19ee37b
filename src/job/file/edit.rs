//! Changes of a job file that leave the rest of it as it is: comments, order, and keys that whoever
//! changes it does not know.

use seismic_sinks::SinkSpec;
use serde::Deserialize;
use serde_json::Value as Json;
use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, TableLike, Value};

use super::secret_words::STARS;

/// Changes of one file at a time: each key of a job a few times.
pub const EDITS: usize = 1_000;

/// A change: the value at a place of the file, or that there is none any more.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    path: Vec<Step>,
    /// Null: the key is left out.
    #[serde(default)]
    value: Json,
}

/// One step of the way to a value.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum Step {
    /// A key of a table.
    Key(String),
    /// An entry of a list, from 0 on; that behind the last one is a new one.
    At(usize),
}

/// The text with these changes, one after the other.
///
/// # Errors
/// Why it cannot be changed so.
pub fn edited(text: &str, edits: &[Edit]) -> Result<String, String> {
    if edits.is_empty() {
        return Ok(text.to_owned());
    }
    if edits.len() > EDITS {
        return Err(format!("{} changes are more than {EDITS}: save in between", edits.len()));
    }
    let parsed: Result<DocumentMut, _> = text.parse();
    let mut file =
        parsed.map_err(|error| format!("the file is no TOML; mend it by hand first: {error}"))?;
    for edit in edits {
        if has_stars(&edit.value) {
            let why = "stars stand for a secret that is not shown: write the whole value with it";
            return Err(format!("{}: {why}", named(&edit.path)));
        }
        set(file.as_item_mut(), &edit.path, &edit.value)
            .map_err(|why| format!("{}: {why}", named(&edit.path)))?;
    }
    Ok(file.to_string())
}

/// Whether a value was shown without its secret.
fn has_stars(value: &Json) -> bool {
    match value {
        Json::String(text) => text.contains(STARS),
        Json::Array(all) => all.iter().any(has_stars),
        Json::Object(pairs) => pairs.values().any(has_stars),
        _ => false,
    }
}

fn named(path: &[Step]) -> String {
    let one = |step: &Step| match step {
        Step::Key(key) => key.clone(),
        Step::At(at) => at.to_string(),
    };
    path.iter().map(one).collect::<Vec<_>>().join(".")
}

fn set(item: &mut Item, path: &[Step], value: &Json) -> Result<(), String> {
    match path {
        [] => put(item, value),
        [Step::Key(key), rest @ ..] => {
            spell_sink_out(item);
            let is_inline = item.is_value();
            let table = item.as_table_like_mut().ok_or("it is no table")?;
            set_key(table, is_inline, (key, rest), value)
        }
        [Step::At(at), rest @ ..] => match item {
            Item::ArrayOfTables(all) => {
                if rest.is_empty() && value.is_null() && *at < all.len() {
                    all.remove(*at);
                    return Ok(());
                }
                if *at == all.len() && rest.is_empty() {
                    all.push(table_of(value)?);
                    return Ok(());
                }
                let table = all.get_mut(*at).ok_or_else(|| none_at(*at))?;
                match rest {
                    [] => {
                        *table = table_of(value)?;
                        Ok(())
                    }
                    [Step::Key(key), rest @ ..] => set_key(table, false, (key, rest), value),
                    _ => Err("it is no list".to_owned()),
                }
            }
            Item::Value(one) => set_at(as_list(one), *at, rest, value),
            _ => Err("it is no list".to_owned()),
        },
    }
}

fn set_key(
    table: &mut dyn TableLike,
    is_inline: bool,
    (key, rest): (&str, &[Step]),
    value: &Json,
) -> Result<(), String> {
    if rest.is_empty() && value.is_null() {
        table.remove(key);
        return Ok(());
    }
    if table.get(key).is_none() {
        match (value.is_null(), rest.first()) {
            (true, _) => return Ok(()),
            (false, None) => {
                table.insert(key, Item::Value(value_of(value)?));
                return Ok(());
            }
            (false, Some(next)) => table.insert(key, new_item(next, is_inline)),
        };
    }
    match table.get_mut(key) {
        Some(item) => set(item, rest, value),
        None => Err("it cannot be set".to_owned()),
    }
}

/// What a key is that is made on the way to a value.
fn new_item(next: &Step, is_inline: bool) -> Item {
    match next {
        Step::At(_) => Item::Value(Value::Array(Array::new())),
        Step::Key(_) if is_inline => Item::Value(Value::InlineTable(InlineTable::new())),
        Step::Key(_) => {
            let mut table = Table::new();
            table.decor_mut().set_prefix("\n");
            Item::Table(table)
        }
    }
}

/// A list, which a single value is, too.
fn as_list(value: &mut Value) -> &mut Array {
    if !value.is_array() {
        let mut one = value.clone();
        one.decor_mut().clear();
        let mut list = Value::Array(Array::from_iter([one]));
        *list.decor_mut() = value.decor().clone();
        *value = list;
    }
    match value {
        Value::Array(list) => list,
        _ => unreachable!("it was made a list"),
    }
}

fn set_at(list: &mut Array, at: usize, rest: &[Step], value: &Json) -> Result<(), String> {
    if rest.is_empty() {
        match (value.is_null(), at.cmp(&list.len())) {
            (true, std::cmp::Ordering::Less) => drop(list.remove(at)),
            (true, _) => {}
            (false, std::cmp::Ordering::Less) => drop(list.replace(at, value_of(value)?)),
            (false, std::cmp::Ordering::Equal) => list.push(value_of(value)?),
            (false, std::cmp::Ordering::Greater) => return Err(none_at(at)),
        }
        return Ok(());
    }
    let mut entry = Item::Value(list.get(at).ok_or_else(|| none_at(at))?.clone());
    set(&mut entry, rest, value)?;
    if let Ok(entry) = entry.into_value() {
        list.replace(at, entry);
    }
    Ok(())
}

fn none_at(at: usize) -> String {
    format!("there is no entry {at}")
}

/// A sink in one word becomes a table before one of its options is set.
fn spell_sink_out(item: &mut Item) {
    let Some(sink) = item.as_str().and_then(|words| words.parse::<SinkSpec>().ok()) else { return };
    let mut table = InlineTable::new();
    table.insert("type", sink.scheme().into());
    if !sink.target().is_empty() {
        table.insert("target", sink.target().into());
    }
    for (name, value) in sink.options() {
        table.insert(name, value.as_str().into());
    }
    *item = Item::Value(Value::InlineTable(table));
}

/// Replaces a value; what stands before and behind it stays.
fn put(item: &mut Item, value: &Json) -> Result<(), String> {
    let mut value = value_of(value)?;
    match item {
        Item::Value(before) => {
            *value.decor_mut() = before.decor().clone();
            *before = value;
        }
        Item::Table(_) | Item::ArrayOfTables(_) => {
            return Err("it is a table: set its keys".to_owned());
        }
        Item::None => *item = Item::Value(value),
    }
    Ok(())
}

fn table_of(value: &Json) -> Result<Table, String> {
    match value_of(value)? {
        Value::InlineTable(table) => Ok(table.into_table()),
        _ => Err("write a table".to_owned()),
    }
}

fn value_of(value: &Json) -> Result<Value, String> {
    Ok(match value {
        Json::Null => return Err("null is no value of TOML".to_owned()),
        Json::Bool(is_so) => (*is_so).into(),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => number.into(),
            (None, Some(number)) => number.into(),
            (None, None) => return Err(format!("{number} is too large")),
        },
        Json::String(text) => text.as_str().into(),
        Json::Array(all) => {
            let all: Result<Vec<Value>, String> = all.iter().map(value_of).collect();
            Value::Array(Array::from_iter(all?))
        }
        Json::Object(pairs) => {
            // As people write a sink: its type comes first.
            let is_type = |(key, _): &(&String, &Json)| *key == "type";
            let (first, others): (Vec<_>, Vec<_>) = pairs.iter().partition(is_type);
            let mut table = InlineTable::new();
            for (key, value) in first.into_iter().chain(others) {
                table.insert(key, value_of(value)?);
            }
            Value::InlineTable(table)
        }
    })
}

/// What a text says, as JSON; `None` where it is no TOML. Sinks in one word are spelled out.
#[must_use]
pub fn values(text: &str) -> Option<Json> {
    let table: toml::Table = toml::from_str(text).ok()?;
    let mut all = json_of(toml::Value::Table(table));
    if let Some(sinks) = all.get_mut("sink") {
        let list = match sinks.take() {
            Json::Array(all) => all,
            one => vec![one],
        };
        *sinks = list.into_iter().map(spelled_out).collect();
    }
    Some(all)
}

fn spelled_out(sink: Json) -> Json {
    let Some(Ok(spec)) = sink.as_str().map(str::parse::<SinkSpec>) else { return sink };
    let mut all = serde_json::Map::from_iter([("type".to_owned(), spec.scheme().into())]);
    if !spec.target().is_empty() {
        all.insert("target".to_owned(), spec.target().into());
    }
    all.extend(spec.options().iter().map(|(name, value)| (name.clone(), value.as_str().into())));
    all.into()
}

fn json_of(value: toml::Value) -> Json {
    match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => number.into(),
        toml::Value::Boolean(is_so) => is_so.into(),
        toml::Value::Datetime(time) => time.to_string().into(),
        toml::Value::Array(all) => all.into_iter().map(json_of).collect(),
        toml::Value::Table(pairs) => {
            pairs.into_iter().map(|(key, value)| (key, json_of(value))).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn after(text: &str, edits: &Json) -> String {
        let edits: Vec<Edit> = serde_json::from_value(edits.clone()).unwrap();
        let text = edited(text, &edits).unwrap();
        assert!(values(&text).is_some(), "{text}");
        text
    }

    #[test]
    fn a_key_is_changed_and_everything_else_stays() {
        let text = "# Why it is there.\nname = 'coast' # the coast\nwindow = '1s'   # short\n\n\
                    [alarms]\nlag_s = 5 # soon\nstrange = 1\n";
        let edits = json!([
            { "path": ["window"], "value": "2s" },
            { "path": ["lateness"], "value": "3s" },
            { "path": ["alarms", "lag_s"], "value": 9 },
            { "path": ["name"], "value": "it's \"new\"\\" },
        ]);
        let changed = after(text, &edits);
        assert_eq!(
            changed,
            "# Why it is there.\nname = '''it's \"new\"\\''' # the coast\nwindow = \"2s\"   # short\n\
             lateness = \"3s\"\n\n[alarms]\nlag_s = 9 # soon\nstrange = 1\n"
        );
        let left_out = json!([
            { "path": ["window"] }, { "path": ["alarms", "strange"], "value": null },
            { "path": ["not", "there"] },
        ]);
        let changed = after(text, &left_out);
        assert!(!changed.contains("window") && !changed.contains("strange"), "{changed}");
        assert!(changed.contains("# Why it is there.") && changed.contains("lag_s = 5 # soon"));
    }

    #[test]
    fn a_file_is_made_of_nothing() {
        let edits = json!([
            { "path": ["name"], "value": "coast" },
            { "path": ["sink", 0], "value": { "type": "csv", "target": "rows" } },
            { "path": ["input", "columns"], "value": ["a int", "b text"] },
            { "path": ["restart", "max_per_hour"], "value": 3 },
        ]);
        assert_eq!(
            after("", &edits),
            "name = \"coast\"\nsink = [{ type = \"csv\", target = \"rows\" }]\n\n\
             [input]\ncolumns = [\"a int\", \"b text\"]\n\n[restart]\nmax_per_hour = 3\n"
        );
    }

    #[test]
    fn one_sink_of_several_is_changed_and_the_words_of_the_others_stay() {
        let text = "sink = ['console', 'csv:rows,file_bytes=1MiB'] # both\n";
        let edits = json!([{ "path": ["sink", 1, "time"], "value": "iso" }]);
        assert_eq!(
            after(text, &edits),
            "sink = ['console', { type = \"csv\", target = \"rows\", file_bytes = \"1MiB\", time = \"iso\" }] # both\n"
        );
        let edits = json!([{ "path": ["sink", 0] }, { "path": ["sink", 1], "value": "console" }]);
        assert_eq!(
            after(text, &edits),
            "sink = [ 'csv:rows,file_bytes=1MiB', \"console\"] # both\n"
        );
        // One alone is a list as well, and so are tables.
        let edits = json!([{ "path": ["sink", 1], "value": { "type": "console" } }]);
        let one = after("sink = 'csv:rows'\n", &edits);
        assert_eq!(one, "sink = ['csv:rows', { type = \"console\" }]\n");
        let tables = after("[[sink]]\ntype = 'csv'\ntarget = 'rows'\n", &edits);
        assert!(tables.contains("[[sink]]\ntype = \"console\""), "{tables}");
        let all = values(&tables).unwrap();
        assert_eq!(all["sink"][0], json!({ "type": "csv", "target": "rows" }));
    }

    #[test]
    fn what_cannot_be_changed_is_said_with_its_place() {
        let refused = |text: &str, edit: Json| {
            let edits: Vec<Edit> = serde_json::from_value(json!([edit])).unwrap();
            edited(text, &edits).unwrap_err()
        };
        let of = |path: Json| json!({ "path": path, "value": 1 });
        assert!(refused("a = ", of(json!(["b"]))).contains("mend it by hand"));
        assert_eq!(refused("a = 1", of(json!(["a", "b"]))), "a.b: it is no table");
        assert_eq!(refused("a = []", of(json!(["a", 1]))), "a.1: there is no entry 1");
        assert_eq!(refused("[a]", of(json!(["a"]))), "a: it is a table: set its keys");
        let stars = json!({ "path": ["sink", 0], "value": { "target": "//me:***@h" } });
        assert!(refused("", stars).contains("stand for a secret that is not shown"));
        let null = json!({ "path": ["a"], "value": { "b": null } });
        assert_eq!(refused("", null), "a: null is no value of TOML");
        let long: Vec<Edit> = vec![serde_json::from_value(of(json!(["a"]))).unwrap(); EDITS + 1];
        assert!(edited("", &long).unwrap_err().contains("save in between"));
    }
}
