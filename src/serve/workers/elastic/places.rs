//! How many slots each worker of a job has. A worker is told at its start, so one that is to have
//! others is replaced: as few as possible are.

use seismic_elastic::{Limits, Shape};

/// What a job of that many workers begins with, each of which asks for that many slots.
#[must_use]
pub fn at_start(workers: usize, slots: Option<usize>, limits: &Limits) -> Vec<u32> {
    let number = |it: usize| u32::try_from(it).unwrap_or(u32::MAX);
    let workers = number(workers).clamp(limits.workers_min, limits.workers_max);
    let parallelism = match slots {
        Some(slots) => workers.saturating_mul(number(slots)),
        None => workers.saturating_mul(limits.slots),
    };
    let most = limits.parallelism_max.max(workers);
    let parallelism = parallelism.clamp(limits.parallelism_min.min(most), most);
    fitted(&[], possible(Shape { workers, parallelism }, limits.slots), limits.slots)
}

/// The nearest shape that workers of so many slots can have: each has one at least.
#[must_use]
pub fn possible(shape: Shape, most: u32) -> Shape {
    let Shape { workers, parallelism } = shape;
    let parallelism = parallelism.clamp(workers, workers.saturating_mul(most.max(1)));
    Shape { workers, parallelism }
}

/// The shape of workers with these slots.
#[must_use]
pub fn shape_of(places: &[u32]) -> Shape {
    let workers = u32::try_from(places.len()).unwrap_or(u32::MAX);
    Shape { workers, parallelism: places.iter().fold(0, |sum, it| sum.saturating_add(*it)) }
}

/// Slots of each worker of a [`possible`] shape, of whom the first have those of `now`. New ones get
/// what is missing first, since they are started anyway.
#[must_use]
pub fn fitted(now: &[u32], shape: Shape, most: u32) -> Vec<u32> {
    let most = most.max(1);
    let count = shape.workers as usize;
    let of = |place: usize| now.get(place).map_or(1, |slots| (*slots).clamp(1, most));
    let mut places: Vec<u32> = (0..count).map(of).collect();
    let mut sum = shape_of(&places).parallelism;
    // Of those that are there, the ones that change most: so the fewest change.
    let mut old: Vec<usize> = (0..now.len().min(count)).collect();
    old.sort_by_key(|&place| places[place]);
    for place in (now.len()..count).chain(old.iter().copied()) {
        let more = (most - places[place]).min(shape.parallelism.saturating_sub(sum));
        places[place] += more;
        sum += more;
    }
    for &place in old.iter().rev() {
        let less = (places[place] - 1).min(sum.saturating_sub(shape.parallelism));
        places[place] -= less;
        sum -= less;
    }
    places
}

/// The same where all but the first are pods, whose slots nobody changes.
#[must_use]
pub fn of_pods(slots: &[u32], each: u32) -> Vec<u32> {
    let of = |(place, slots): (usize, &u32)| if place == 0 { *slots } else { each };
    slots.iter().enumerate().map(of).collect()
}

/// The workers of a wish where all but the first are pods: more slots than they have are more pods, and
/// fewer are only had by fewer of them.
#[must_use]
pub fn fitted_pods(now: &[u32], shape: Shape, limits: &Limits) -> Vec<u32> {
    let each = limits.slots.max(1);
    let (first, from) = (now.first().copied().unwrap_or(1), shape_of(now));
    let mut workers = shape.workers;
    if shape.parallelism > from.parallelism {
        let further = shape.parallelism.saturating_sub(first).div_ceil(each);
        workers = workers.max(further.saturating_add(1)).min(limits.workers_max.max(shape.workers));
    }
    let slots = vec![first; workers.max(1) as usize];
    of_pods(&slots, each)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(workers: u32, parallelism: u32) -> Shape {
        Shape { workers, parallelism }
    }

    #[test]
    fn a_job_begins_with_what_its_file_says_within_its_limits() {
        let limits = Limits::default();
        assert_eq!(at_start(1, None, &limits), [2, 2, 2]);
        assert_eq!(at_start(3, Some(1), &limits), [1, 1, 1]);
        assert_eq!(at_start(9, Some(8), &limits), [2; 6]);
        let few = Limits { parallelism_max: 4, ..limits };
        assert_eq!(at_start(1, None, &few), [2, 1, 1]);
    }

    #[test]
    fn new_workers_take_what_is_missing_before_others_are_replaced() {
        assert_eq!(fitted(&[2, 2, 2], shape(6, 12), 2), [2; 6]);
        assert_eq!(fitted(&[1, 1, 1], shape(4, 5), 2), [1, 1, 1, 2]);
        assert_eq!(fitted(&[1, 1, 1], shape(3, 5), 2), [2, 2, 1]);
        assert_eq!(fitted(&[2, 2, 2], shape(6, 8), 2), [2, 2, 1, 1, 1, 1]);
    }

    #[test]
    fn those_that_stay_keep_their_slots_where_they_fit() {
        assert_eq!(fitted(&[2; 6], shape(5, 10), 2), [2; 5]);
        assert_eq!(fitted(&[2, 2, 2], shape(3, 5), 2), [2, 2, 1]);
        assert_eq!(fitted(&[8, 1], shape(2, 4), 2), [2, 2]);
    }

    #[test]
    fn slots_that_pods_lack_are_more_pods_and_fewer_slots_alone_change_nothing() {
        let of = |workers, parallelism| {
            fitted_pods(&[2, 2, 2], shape(workers, parallelism), &Limits::default())
        };
        assert_eq!(of(3, 8), [2; 4]);
        assert_eq!(of(3, 40), [2; 6]);
        assert_eq!(of(3, 5), [2, 2, 2]);
        assert_eq!(of(2, 4), [2, 2]);
        assert_eq!(of_pods(&[1, 1, 1], 2), [1, 2, 2]);
    }

    #[test]
    fn every_shape_is_met_exactly_and_each_worker_has_a_slot() {
        for now in [&[][..], &[1], &[2, 2, 2], &[4, 1, 3, 1, 1]] {
            for workers in 1..8 {
                for wish in 0..40 {
                    let to = possible(shape(workers, wish), 4);
                    let places = fitted(now, to, 4);
                    assert_eq!(shape_of(&places), to, "{now:?} {to}");
                    assert!(places.iter().all(|slots| (1..=4).contains(slots)), "{places:?}");
                }
            }
        }
    }
}
