//! Which slot is to have which partition. Pure.

/// Gives each of these slots its share of the partitions, to within one of each other, and moves as
/// few as that takes. `owners` has the slot of each partition; without slots, all stays as it is.
pub fn share_out(owners: &mut [usize], slots: &[usize]) {
    let (Some(share), Some(rest)) =
        (owners.len().checked_div(slots.len()), owners.len().checked_rem(slots.len()))
    else {
        return;
    };
    let held = |owners: &[usize], slot: usize| owners.iter().filter(|it| **it == slot).count();
    let mut quotas: Vec<(usize, usize)> =
        slots.iter().map(|&slot| (slot, held(owners, slot))).collect();
    // Those that have most keep one more.
    quotas.sort_by_key(|&(slot, held)| (std::cmp::Reverse(held), slot));
    for (place, (_, quota)) in quotas.iter_mut().enumerate() {
        *quota = share + usize::from(place < rest);
    }
    let mut homeless = Vec::new();
    for (partition, owner) in owners.iter().enumerate() {
        match quotas.iter_mut().find(|(slot, _)| slot == owner) {
            Some((_, left @ 1..)) => *left -= 1,
            _ => homeless.push(partition),
        }
    }
    quotas.sort_unstable();
    let free = quotas.iter().flat_map(|&(slot, left)| std::iter::repeat_n(slot, left));
    for (partition, slot) in homeless.into_iter().zip(free) {
        owners[partition] = slot;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn dealt(partitions: usize, slots: usize) -> Vec<usize> {
        (0..partitions).map(|partition| partition % slots).collect()
    }

    #[test]
    fn a_further_slot_takes_its_share_and_nothing_else_moves() {
        let mut owners = dealt(12, 3);
        let before = owners.clone();
        share_out(&mut owners, &[0, 1, 2, 3]);
        let moved: Vec<_> = (0..12).filter(|&it| owners[it] != before[it]).collect();
        assert_eq!(moved.len(), 3, "{owners:?}");
        assert!(moved.iter().all(|&it| owners[it] == 3), "{owners:?}");
        share_out(&mut owners, &[0, 1, 2]);
        assert_eq!(owners.iter().filter(|it| **it == 1).count(), 4);
    }

    #[test]
    fn without_slots_all_stays_and_with_more_slots_than_partitions_some_have_none() {
        let mut owners = dealt(4, 2);
        share_out(&mut owners, &[]);
        assert_eq!(owners, [0, 1, 0, 1]);
        share_out(&mut owners, &[0, 1, 2, 3, 4, 5]);
        let mut all = owners.clone();
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2, 3]);
        share_out(&mut [], &[0]);
    }

    proptest! {
        #[test]
        fn shares_are_even_and_no_fewer_moves_would_do(
            partitions in 1..40_usize,
            wishes in proptest::collection::vec(1..12_usize, 1..8),
        ) {
            let mut owners = dealt(partitions, wishes[0].min(partitions));
            for slots in wishes {
                let before = owners.clone();
                let all: Vec<usize> = (0..slots).collect();
                share_out(&mut owners, &all);
                let counts: Vec<usize> =
                    all.iter().map(|slot| owners.iter().filter(|it| *it == slot).count()).collect();
                prop_assert_eq!(counts.iter().sum::<usize>(), partitions);
                let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
                prop_assert!(most - least <= 1, "{:?}", counts);
                // What a slot had and does not have now is beyond the larger of the two shares.
                for slot in 0..12 {
                    let had = before.iter().filter(|it| **it == slot).count();
                    let kept = (0..partitions)
                        .filter(|&it| before[it] == slot && owners[it] == slot)
                        .count();
                    let least_kept = if slot < slots { had.min(partitions / slots) } else { 0 };
                    prop_assert!(kept >= least_kept, "{} of {} stay in slot {}", kept, had, slot);
                }
            }
        }
    }
}
