//! Among many rows the one that is nearest to another row: of the same sensor, then by the start of
//! the window; of several, the first one. Each answer takes a few steps, however many rows there are.

use std::collections::BTreeMap;

/// What tells how near a row is: its sensor, and the start of its window, as far as it has them.
pub(super) type RowKey<'a> = (Option<&'a str>, Option<i64>);

/// Rows by their places.
#[derive(Default)]
pub(super) struct Nearest<'a> {
    all: OrderedRows,
    by_sensor: BTreeMap<&'a str, OrderedRows>,
    /// Those that do not say their sensor may be of any.
    of_any: OrderedRows,
}

/// Rows in the order of their windows.
#[derive(Default)]
struct OrderedRows {
    /// Start of the window and number of each row.
    rows: Vec<(i64, usize)>,
    /// The first one.
    first: Option<usize>,
    /// The first one whose window is not known: it may be this one.
    anywhen: Option<usize>,
}

impl<'a> Nearest<'a> {
    /// Of these rows, by their numbers.
    pub(super) fn of(rows: impl Iterator<Item = (usize, RowKey<'a>)>) -> Nearest<'a> {
        let mut nearest = Nearest::default();
        for (number, (sensor, start)) in rows {
            nearest.all.add(number, start);
            match sensor {
                Some(sensor) => nearest.by_sensor.entry(sensor).or_default().add(number, start),
                None => nearest.of_any.add(number, start),
            }
        }
        let of_sensors = nearest.by_sensor.values_mut();
        of_sensors.chain([&mut nearest.all, &mut nearest.of_any]).for_each(|it| it.rows.sort());
        nearest
    }

    /// Number of the nearest row.
    pub(super) fn to(&self, (sensor, start): RowKey<'_>) -> Option<usize> {
        let Some(sensor) = sensor else { return self.all.nearest(start).map(|(_, row)| row) };
        let own = self.by_sensor.get(sensor).and_then(|line| line.nearest(start));
        own.into_iter().chain(self.of_any.nearest(start)).min().map(|(_, row)| row)
    }
}

impl OrderedRows {
    fn add(&mut self, number: usize, start: Option<i64>) {
        self.first = self.first.or(Some(number));
        match start {
            Some(start) => self.rows.push((start, number)),
            None => self.anywhen = self.anywhen.or(Some(number)),
        }
    }

    /// Distance and number of the nearest row.
    fn nearest(&self, start: Option<i64>) -> Option<(u64, usize)> {
        let Some(start) = start else { return Some((0, self.first?)) };
        let from = self.rows.partition_point(|(other, _)| *other < start);
        let before = from.checked_sub(1).map(|last| {
            let of_one = self.rows.partition_point(|(other, _)| *other < self.rows[last].0);
            self.rows[of_one]
        });
        let known = before.into_iter().chain(self.rows.get(from).copied());
        let known = known.map(|(other, row)| (other.abs_diff(start), row));
        known.chain(self.anywhen.map(|row| (0, row))).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_sensor_counts_first_then_time_then_the_order() {
        let rows = [("a", 0), ("b", 10), ("a", 10), ("a", 30), ("a", 10)]
            .map(|(s, at)| (Some(s), Some(at)));
        let nearest = Nearest::of(rows.into_iter().enumerate());
        let to = |sensor: &str, at| nearest.to((Some(sensor), Some(at)));
        assert_eq!(
            (to("a", 9), to("a", 11), to("a", 20), to("a", 90)),
            (Some(2), Some(2), Some(2), Some(3))
        );
        assert_eq!((to("a", -5), to("b", 99), to("c", 0)), (Some(0), Some(1), None));
        assert_eq!(nearest.to((None, Some(10))), Some(1));
        assert_eq!(nearest.to((Some("a"), None)), Some(0));
    }

    #[test]
    fn a_row_that_does_not_say_what_it_is_of_may_be_near_to_all() {
        let rows = [(Some("a"), Some(5)), (None, Some(7)), (Some("a"), None)];
        let nearest = Nearest::of(rows.into_iter().enumerate());
        assert_eq!(nearest.to((Some("b"), Some(0))), Some(1));
        assert_eq!(nearest.to((Some("a"), Some(6))), Some(2));
    }
}
