//! What somebody may have meant.

/// The known name that is nearest to `written`, if one is near: a third of its letters may differ.
#[must_use]
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let written = written.to_lowercase();
    let far = |name: &str| distance(&written, &name.to_lowercase());
    let near = known.into_iter().map(|name| (far(name), name)).min_by_key(|(far, _)| *far)?;
    (near.0 <= (written.chars().count() / 3).max(1)).then_some(near.1)
}

/// Letters to change, add, leave out, or swap with their neighbour (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![(0..=b.len()).collect::<Vec<_>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let change = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = change.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_found_and_another_word_is_not() {
        let known = ["sensor_id", "max_amplitude", "rows"];
        for (written, meant) in [
            ("max_amplitud", Some("max_amplitude")),
            ("SENSOR_ID", Some("sensor_id")),
            ("snesor_id", Some("sensor_id")),
            ("row", Some("rows")),
            ("latitude_of_station", None),
        ] {
            assert_eq!(nearest(written, known), meant, "{written}");
        }
        assert_eq!(nearest("x", []), None);
    }
}
