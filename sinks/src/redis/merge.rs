//! Adding up the rows of a window in its hash: its panes become one row.
//!
//! The server does it, in the script that moves the position, so each pane is added once. The
//! formulas are those of `SeismicAggRecord::add_pane`, operation by operation: numbers of the
//! server's Lua are doubles, which are read and written whole, so `verify` gets the same bits by
//! them. Of JSON (`set`) that is not so: the server's JSON has 14 digits.

use seismic_proto::{Column, Schema};

use crate::rows::template::Template;

/// The key where none is chosen: that of a row without its pane.
pub(super) const KEY: &str =
    "seismic:{sensor_id}:{window_start_ts}:{window_end_ts}:{clock_era}:{input_partition}";

/// What a key must tell apart.
const IN_KEY: [&str; 4] = ["sensor_id", "window_start_ts", "window_end_ts", "clock_era"];

/// What the sums are made of: without these, two rows cannot be added up.
const NEEDED: [&str; 11] = [
    "pane",
    "record_count",
    "mean_amplitude",
    "rms_amplitude",
    "min_amplitude",
    "max_amplitude",
    "first_sample_ts",
    "last_sample_ts",
    "sample_interval_ms",
    "window_start_ts",
    "window_end_ts",
];

/// Whether rows under that key, with these fields, can be added up.
///
/// # Errors
/// Why not.
pub(super) fn check(
    schema: &Schema,
    key: &Template,
    fields: &[(usize, String)],
) -> Result<(), String> {
    if schema != Schema::windows() {
        return Err("merge_panes adds up rows of windows, and the topic has others".to_owned());
    }
    let of_key: Vec<&str> = key.fields().collect();
    let missing: Vec<&str> = IN_KEY.iter().filter(|name| !of_key.contains(name)).copied().collect();
    if !missing.is_empty() {
        return Err(format!("merge_panes also needs {} in the key", missing.join(", ")));
    }
    if of_key.contains(&"pane") {
        return Err("merge_panes makes one hash of all panes: leave pane out of the key".to_owned());
    }
    let is_there = |name: &&&str| {
        let place = schema.index_of(name);
        fields.iter().any(|(field, _)| place == Some(*field))
    };
    let missing: Vec<&str> = NEEDED.iter().filter(|name| !is_there(name)).copied().collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!("merge_panes also needs the fields {} in value", missing.join(", ")))
}

/// The words by which the script knows fields: how many, and of each its own name and that in
/// hashes.
pub(super) fn names(columns: &[Column], fields: &[(usize, String)]) -> Vec<String> {
    let pairs = fields
        .iter()
        .filter_map(|(place, name)| Some([columns.get(*place)?.name.to_string(), name.clone()]));
    let mut words: Vec<String> = pairs.flatten().collect();
    words.insert(0, (words.len() / 2).to_string());
    words
}

/// Defines `merge(key, from, to)`, which adds the row in that part of `ARGV` to the hash; `f` gives
/// the name of a field in hashes.
///
/// Where no pane is there, or the first comes (again), the row is written as it is. A pane that is
/// in already changes nothing. A hash that is no row is refused.
pub(super) const MERGE: &str = r"
local f = {}
local function f32(x) return (struct.unpack('<f', struct.pack('<f', x))) end
local function text(x, from, to, read)
  local s
  for digits = from, to do
    s = string.format('%.' .. digits .. 'g', x)
    if read(tonumber(s)) == x then break end
  end
  return s
end
local function double(x) return text(x, 15, 17, function(it) return it end) end
local function single(x) return text(x, 6, 9, f32) end
local function merge(key, from, to)
  local flat = redis.pcall('HGETALL', key)
  if flat.err then return flat end
  local old, new, now = {}, {}, {}
  for i = 1, #flat, 2 do old[flat[i]] = flat[i + 1] end
  for i = from, to, 2 do new[ARGV[i]] = ARGV[i + 1] end
  local function was(field) return f[field] and tonumber(old[f[field]]) end
  local function is(field) return f[field] and tonumber(new[f[field]]) end
  local function set(field, value) if f[field] then now[f[field]] = value end end
  local function keep(field) set(field, f[field] and old[f[field]]) end
  if #flat == 0 or is('pane') == 0 then return redis.call('HSET', key, unpack(ARGV, from, to)) end
  for _, field in ipairs({'pane', 'record_count', 'mean_amplitude', 'rms_amplitude',
      'min_amplitude', 'max_amplitude', 'first_sample_ts', 'last_sample_ts'}) do
    if not was(field) then return {err = 'ERR the key holds no row: it has no number ' .. f[field]} end
  end
  local ours, theirs = was('record_count'), is('record_count')
  if was('pane') >= is('pane') or theirs <= 0 then return 0 end
  local n = ours + theirs
  local sum = ours * was('mean_amplitude') + theirs * is('mean_amplitude')
  local a, b = was('rms_amplitude'), is('rms_amplitude')
  local squares = ours * (a * a) + theirs * (b * b)
  set('mean_amplitude', double(sum / n))
  set('avg_amplitude', single(f32(sum / n)))
  set('rms_amplitude', double(math.sqrt(squares / n)))
  if was('rsam') and is('rsam') then
    set('rsam', double((ours * was('rsam') + theirs * is('rsam')) / n))
  end
  local spread = squares - sum * sum / n
  if not (spread > 0) then spread = 0 end
  set('std_amplitude', double(math.sqrt(spread / n)))
  if not (is('min_amplitude') < was('min_amplitude')) then keep('min_amplitude') end
  if not (is('max_amplitude') > was('max_amplitude')) then keep('max_amplitude') end
  local least = math.min(is('min_amplitude'), was('min_amplitude'))
  local most = math.max(is('max_amplitude'), was('max_amplitude'))
  set('peak_to_peak', double(f32(most) - f32(least)))
  if not (is('first_sample_ts') < was('first_sample_ts')) then
    keep('first_sample_ts')
    keep('first_amplitude')
  end
  if not (is('last_sample_ts') >= was('last_sample_ts')) then
    keep('last_sample_ts')
    keep('last_amplitude')
  end
  set('record_count', string.format('%.0f', n))
  for _, field in ipairs({'p_phase_count', 's_phase_count', 'n_phase_count', 'rejected_count',
      'clipped_count', 'repeat_count'}) do
    if was(field) and is(field) then
      local both = was(field) + is(field)
      if field:sub(3) == 'phase_count' then both = math.min(both, 2147483647) end
      set(field, string.format('%.0f', both))
    end
  end
  local length, interval = is('window_end_ts') - is('window_start_ts'), is('sample_interval_ms')
  local gap, empty = 0, length - n * interval
  if interval > 0 and length > 0 and empty > 0 then gap = empty / length end
  set('gap_fraction', double(gap))
  local words = {}
  for i = from, to, 2 do
    words[#words + 1] = ARGV[i]
    words[#words + 1] = now[ARGV[i]] or ARGV[i + 1]
  end
  return redis.call('HSET', key, unpack(words))
end
";

#[cfg(test)]
mod tests {
    use super::*;

    fn check_of(key: &str, fields: &[&str]) -> Result<(), String> {
        let schema = Schema::windows();
        let place = |name: &&str| (schema.index_of(name).unwrap(), (*name).to_owned());
        let fields: Vec<_> = fields.iter().map(place).collect();
        check(schema, &Template::read(key, ":").unwrap(), &fields)
    }

    #[test]
    fn what_cannot_be_added_up_is_refused_with_what_is_missing() {
        assert_eq!(check_of(KEY, &NEEDED), Ok(()));
        for (key, fields, why) in [
            ("w:{sensor_id}:{window_start_ts}", &NEEDED[..], "window_end_ts, clock_era in the key"),
            ("{sensor_id}{window_start_ts}{window_end_ts}{clock_era}{pane}", &NEEDED, "leave pane"),
            (KEY, &NEEDED[2..], "the fields pane, record_count in value"),
        ] {
            let error = check_of(key, fields).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}
