//! What the server does for the leases of its jobs, once a turn.

use std::time::Instant;

use anyhow::Context as _;

use super::{Lease, Standing};
use crate::serve::supervisor::Supervisor;
use crate::serve::worker::identity;
use crate::serve::workers::elastic::scaler::{Scaler, is_shared};

/// Name of the alert that another server scales the job.
const ALERT: &str = "scaling_lease";

impl Supervisor {
    /// Renews the lease of a job that runs here, or looks up its holder. One that does not run leaves it to
    /// others.
    pub(in crate::serve::workers::elastic) fn tend_lease(
        &mut self,
        name: &str,
        scaler: &mut Scaler,
    ) -> anyhow::Result<()> {
        let spec = self.job(name).and_then(|job| job.spec.as_ref());
        let Some(spec) = spec.filter(|spec| is_shared(spec) && self.is_to_be_scaled(name)) else {
            scaler.lease = None;
            return Ok(());
        };
        let (location, now) = (spec.location(), Instant::now());
        if scaler.stored.server.is_empty() {
            let before = scaler.stored.clone();
            scaler.stored.server = identity::secret().context("an id of this server")?;
            if let Err(error) = self.state_mut().save_elastic(name, &scaler.stored) {
                scaler.stored = before;
                return Err(error.context("the id of this server cannot be stored"));
            }
        }
        let id = &scaler.stored.server;
        let lease = scaler.lease.get_or_insert_with(|| Lease::new(id, location, now));
        lease.ask(name, &self.scalers().ear, now);
        let standing = lease.standing(now);
        let before = lease.told.replace(standing.clone());
        if before.as_ref() != Some(&standing) {
            self.tell_standing(name, scaler, before, &standing);
        } else if let Standing::Others(_) = standing
            && let Some(why) = standing.why_not(name)
        {
            // It stands as long as that is so.
            scaler.alert(ALERT, why, crate::time::now_ms());
        }
        Ok(())
    }

    fn tell_standing(
        &self,
        name: &str,
        scaler: &mut Scaler,
        before: Option<Standing>,
        standing: &Standing,
    ) {
        let Some(why) = standing.why_not(name) else {
            scaler.alerts.remove(ALERT);
            self.tell_of(name, scaler, "this server holds the scaling lease".to_owned(), None);
            return;
        };
        match (standing, before) {
            (Standing::Others(_), _) => self.tell_of(name, scaler, why, Some(ALERT)),
            // It is lost; as long as it was not had, there is nothing to say.
            (_, Some(Standing::Held)) => self.tell_of(name, scaler, why, None),
            _ => tracing::debug!("job {name}: scaling: {why}"),
        }
    }

    /// Why this server may change nothing of a job now; `None`: it may.
    pub(in crate::serve::workers::elastic) fn lease_refuses(
        &self,
        name: &str,
        scaler: &Scaler,
    ) -> Option<String> {
        let spec = self.job(name).and_then(|job| job.spec.as_ref())?;
        if !is_shared(spec) {
            return None;
        }
        let waits = || Standing::Waits("it is being asked for".to_owned());
        let lease = scaler.lease.as_ref();
        lease.map_or_else(waits, |lease| lease.standing(Instant::now())).why_not(name)
    }
}
