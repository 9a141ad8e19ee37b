//! Keys as bytes: two keys are the same bytes exactly where SQL takes their values for equal.

use seismic_sql::Cell;

/// Appends a value; `false` for NULL, which equals nothing.
pub fn push(cell: Cell<'_>, into: &mut Vec<u8>) -> bool {
    match cell {
        Cell::Null => return false,
        Cell::Real(value) if value.is_nan() => return false,
        Cell::Integer(value) => push_integer(value, into),
        Cell::Real(value) => match whole(value) {
            Some(value) => push_integer(value, into),
            None => {
                into.push(2);
                into.extend_from_slice(&value.to_bits().to_le_bytes());
            }
        },
        Cell::Text(text) => push_bytes(3, text.as_bytes(), into),
        Cell::Blob(bytes) => push_bytes(4, bytes, into),
    }
    true
}

fn push_integer(value: i64, into: &mut Vec<u8>) {
    into.push(1);
    into.extend_from_slice(&value.to_le_bytes());
}

fn push_bytes(kind: u8, bytes: &[u8], into: &mut Vec<u8>) {
    into.push(kind);
    into.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    into.extend_from_slice(bytes);
}

/// The integer that a number is exactly. Negative zero is zero.
fn whole(value: f64) -> Option<i64> {
    // The largest i64 is no f64; the next one above it is 2^63.
    let is_within = (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&value);
    (is_within && value.fract() == 0.0).then_some(value as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(cell: Cell<'_>) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        push(cell, &mut bytes).then_some(bytes)
    }

    #[test]
    fn values_are_the_same_key_where_sql_takes_them_for_equal() {
        let large = (1_i64 << 53) + 1;
        for (a, b, are_equal) in [
            (Cell::Integer(5), Cell::Real(5.0), true),
            (Cell::Integer(0), Cell::Real(-0.0), true),
            (Cell::Integer(i64::MIN), Cell::Real(i64::MIN as f64), true),
            (Cell::Integer(i64::MAX), Cell::Real(i64::MAX as f64), false),
            (Cell::Integer(large), Cell::Real(large as f64), false),
            (Cell::Real(0.5), Cell::Real(0.5), true),
            (Cell::Integer(1), Cell::Text("1"), false),
            (Cell::Text("a"), Cell::Text("A"), false),
            (Cell::Text("a "), Cell::Text("a"), false),
        ] {
            assert_eq!(bytes(a) == bytes(b), are_equal, "{a:?} {b:?}");
        }
        assert_eq!(bytes(Cell::Null), None);
        assert_eq!(bytes(Cell::Real(f64::NAN)), None);
    }
}
