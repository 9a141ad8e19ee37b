//! Limits that a worker sets itself if there is no cgroup, and its niceness.
//!
//! Memory: `RLIMIT_DATA`, which counts private writable memory (heap, stacks, private mappings; see
//! getrlimit(2)). `RLIMIT_AS` would count the address space, including files mapped for reading,
//! which take no memory. A worker that needs more ends, and is restarted by its policy.

use std::io;

use rustix::process::{Resource, getrlimit, nice, setrlimit};

use crate::job::service::Resources;

/// Has this process take no more memory than it may.
///
/// # Errors
/// Those of the system.
pub fn limit_memory(resources: &Resources) -> io::Result<()> {
    let Some(bytes) = resources.memory_bytes else { return Ok(()) };
    let limit = getrlimit(Resource::Data);
    let most = limit.maximum.map_or(bytes, |most| most.min(bytes));
    setrlimit(
        Resource::Data,
        rustix::process::Rlimit { current: Some(most), maximum: limit.maximum },
    )?;
    Ok(())
}

/// Priority of a job that says nothing.
const USUAL: u8 = 5;

/// Steps of niceness for each priority below that one: at the lowest, 15 of 19.
const NICE_STEPS: i32 = 3;

/// Has this process stand back for others from the start where its job is of a low priority: pressure is
/// known only when it has lasted.
///
/// # Errors
/// Those of the system.
pub fn stand_back(priority: u8) -> io::Result<()> {
    let steps = niceness(priority);
    if steps > 0 {
        nice(steps)?;
    }
    Ok(())
}

fn niceness(priority: u8) -> i32 {
    i32::from(USUAL.saturating_sub(priority)) * NICE_STEPS
}

/// How many threads of the job read and compute, of that many that it asks for, on that many cores.
#[must_use]
pub fn slots(resources: &Resources, asked: Option<usize>, cores: usize) -> Option<usize> {
    let most = resources.cpus().map(|cpus| (cpus.ceil() as usize).max(1))?;
    Some(asked.unwrap_or(cores).min(most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_of_low_priorities_stand_back_and_all_others_are_alike() {
        assert_eq!([0, 1, 4, 5, 9].map(niceness), [15, 12, 3, 0, 0]);
    }

    #[test]
    fn a_job_has_no_more_slots_than_it_may_have_cores() {
        let of =
            |cpus: &str| Resources { cpus_milli: Some(cpus.parse().unwrap()), memory_bytes: None };
        assert_eq!(slots(&of("1500"), None, 8), Some(2));
        assert_eq!(slots(&of("100"), Some(4), 8), Some(1));
        assert_eq!(slots(&of("4000"), Some(2), 8), Some(2));
        assert_eq!(slots(&Resources::default(), Some(2), 8), None);
    }
}
