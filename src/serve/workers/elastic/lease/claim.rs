//! Who of several servers scales a job: pure, with the times of each server's own clock.
//!
//! A server acts while its last note is younger than [`VALID_MS`], counted from before it was sent. One
//! that takes over acts only when as much has passed since its own taking: by then the note of whoever had
//! it before is too old, and a newer one it could not make. So never two act, however long an answer takes.
//! Where there was no note, there is nobody to wait for. One that is its own, of an earlier process or from
//! before something failed, is no reason to act at once: it may not have acted yet itself, for that same reason.
//! Nothing is taken over from another server before notes have not changed for [`QUIET_MS`].

use seismic_queue::ScalingNote;

/// How long a note counts for whoever made it.
pub const VALID_MS: u64 = 6_000;

/// How long notes of another one must not have changed before it is taken for gone.
pub const QUIET_MS: u64 = 9_000;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Read the note.
    Look,
    /// Take it.
    Take,
    /// Renew it.
    Renew,
}

/// What one server knows.
#[derive(Debug)]
pub struct Claim {
    /// The server, through its deaths, and this process of it.
    id: String,
    me: String,
    seen: Option<(Option<ScalingNote>, u64)>,
    held: Option<Held>,
    /// Who has taken it away.
    fenced: bool,
    wants: bool,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    acts_from_ms: u64,
    noted_ms: u64,
}

impl Claim {
    /// Of a server with that id, as this process.
    #[must_use]
    pub fn new(id: &str, process: &str) -> Claim {
        let (id, me) = (id.to_owned(), format!("{id} {process}"));
        Claim { id, me, seen: None, held: None, fenced: false, wants: false }
    }

    /// What it notes.
    #[must_use]
    pub fn holder(&self) -> &str {
        &self.me
    }

    /// What is next.
    #[must_use]
    pub fn step(&self) -> Step {
        match (&self.held, self.wants) {
            (Some(_), _) => Step::Renew,
            (None, true) => Step::Take,
            (None, false) => Step::Look,
        }
    }

    /// The note was read.
    pub fn looked(&mut self, now_ms: u64, note: Option<ScalingNote>) {
        let since_ms = match &self.seen {
            Some((before, since_ms)) if *before == note => *since_ms,
            _ => now_ms,
        };
        // One that this process made before something failed waits for nobody.
        let is_free =
            note.as_ref().is_none_or(|note| note.holder == self.me || self.is_of_before(note));
        self.wants = is_free || now_ms.saturating_sub(since_ms) >= QUIET_MS;
        self.seen = Some((note, since_ms));
    }

    /// Whether it was made by an earlier process of this server, which has ended: both have had the
    /// same state. A copy of a state is found by its fencing.
    fn is_of_before(&self, note: &ScalingNote) -> bool {
        let is_ours = note.holder.split(' ').next() == Some(&*self.id) && note.holder != self.me;
        !self.fenced && is_ours
    }

    /// It was taken by what was begun then, and that note was there.
    pub fn took(&mut self, began_ms: u64, now_ms: u64, before: Option<&ScalingNote>) {
        let acts_from_ms = if before.is_none() { now_ms } else { now_ms + VALID_MS };
        self.held = Some(Held { acts_from_ms, noted_ms: began_ms });
        (self.wants, self.fenced) = (false, false);
    }

    /// It was renewed by what was begun then.
    pub fn renewed(&mut self, began_ms: u64) {
        if let Some(held) = &mut self.held {
            held.noted_ms = began_ms;
        }
    }

    /// It could not be taken or renewed; `fenced`: because somebody else has taken it.
    pub fn failed(&mut self, fenced: bool) {
        self.fenced |= fenced && self.held.is_some();
        (self.held, self.wants, self.seen) = (None, false, None);
    }

    /// Until when this server may act, from when on; `None`: it may not.
    #[must_use]
    pub fn acts(&self) -> Option<(u64, u64)> {
        let held = self.held?;
        Some((held.acts_from_ms, held.noted_ms + VALID_MS))
    }

    /// Whether somebody else has taken it from this process.
    #[must_use]
    pub fn is_fenced(&self) -> bool {
        self.fenced
    }

    /// The other process that holds the lease, if one is known.
    #[must_use]
    pub fn other(&self) -> Option<&str> {
        let (note, _) = self.seen.as_ref()?;
        note.as_ref().map(|note| &*note.holder).filter(|holder| *holder != self.me)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What brokers know: the newest holder, and the note.
    #[derive(Default)]
    struct Broker {
        owner: usize,
        note: Option<ScalingNote>,
    }

    impl Broker {
        fn put(&mut self, by: usize, holder: &str) -> Result<(), ()> {
            if self.owner != by {
                return Err(());
            }
            let number = self.note.as_ref().map_or(0, |note| note.number + 1);
            self.note = Some(ScalingNote { holder: holder.to_owned(), number });
            Ok(())
        }
    }

    /// A server's turn at that time, which ends so much later; what it asks for happens in between.
    fn turn(claim: &mut Claim, by: usize, broker: &mut Broker, (began, ended): (u64, u64)) {
        match claim.step() {
            Step::Look => claim.looked(ended, broker.note.clone()),
            Step::Take => {
                broker.owner = by;
                let holder = claim.holder().to_owned();
                let before = broker.note.clone();
                broker.put(by, &holder).unwrap();
                claim.took(began, ended, before.as_ref());
            }
            Step::Renew => {
                let holder = claim.holder().to_owned();
                match broker.put(by, &holder) {
                    Ok(()) => claim.renewed(began),
                    Err(()) => claim.failed(true),
                }
            }
        }
    }

    fn acts(claim: &Claim, now_ms: u64) -> bool {
        claim.acts().is_some_and(|(from, until)| (from..until).contains(&now_ms))
    }

    #[test]
    fn two_servers_never_act_at_one_time_whatever_stalls_and_one_of_them_does_in_the_end() {
        for seed in 0..400_u64 {
            let mut number = seed;
            let mut random = |below: u64| {
                number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1 + seed * 2);
                (number >> 33) % below
            };
            let mut broker = Broker { owner: 9, note: None };
            let mut claims = [Claim::new("a", "1"), Claim::new("b", "1")];
            // When each looks next: mostly soon, and now and then after a long stall.
            let mut next = [0, random(3_000)];
            let mut acted = 0;
            for now_ms in (0..200_000).step_by(100) {
                for by in 0..2 {
                    if now_ms < next[by] {
                        continue;
                    }
                    // The answer is older than its time by as much as it took.
                    let took = if random(10) == 0 { random(20_000) } else { random(300) };
                    turn(&mut claims[by], by, &mut broker, (now_ms, now_ms + took));
                    next[by] = now_ms + took + 2_000;
                }
                let now: Vec<bool> = claims.iter().map(|claim| acts(claim, now_ms)).collect();
                assert_ne!(now, [true, true], "{seed}: {now_ms} {claims:?}");
                acted += usize::from(now[0] || now[1]);
            }
            assert!(acted > 200, "{seed}: {acted}");
        }
    }

    #[test]
    fn one_that_is_fenced_stops_says_so_and_waits_until_the_other_is_silent() {
        let mut broker = Broker { owner: 9, note: None };
        let (mut one, mut other) = (Claim::new("a", "1"), Claim::new("b", "1"));
        turn(&mut one, 0, &mut broker, (0, 0));
        turn(&mut one, 0, &mut broker, (10, 10));
        assert!(acts(&one, 10), "nobody has ever had it");
        turn(&mut one, 0, &mut broker, (5_000, 5_000));
        assert!(acts(&one, 6_500));
        // Its notes change: the other waits.
        turn(&mut other, 1, &mut broker, (5_000, 5_000));
        turn(&mut one, 0, &mut broker, (9_000, 9_000));
        turn(&mut other, 1, &mut broker, (14_100, 14_100));
        assert_eq!((other.step(), other.other()), (Step::Look, Some("a 1")));
        // It stalls: the other takes over, and it finds that out by itself.
        turn(&mut other, 1, &mut broker, (23_200, 23_200));
        turn(&mut other, 1, &mut broker, (23_300, 23_300));
        assert!(!acts(&one, 23_300), "its note is too old");
        assert!(!acts(&other, 23_400), "whoever had it may act still, as far as this one knows");
        turn(&mut other, 1, &mut broker, (27_000, 27_000));
        assert!(acts(&other, 29_400));
        turn(&mut one, 0, &mut broker, (29_500, 29_500));
        assert!(one.is_fenced() && one.acts().is_none());
        turn(&mut one, 0, &mut broker, (29_600, 29_600));
        assert_eq!(one.other(), Some("b 1"));
    }

    #[test]
    fn the_next_process_of_a_server_takes_it_at_once_and_acts_when_no_older_note_can_count() {
        let mut broker = Broker { owner: 9, note: None };
        let mut before = Claim::new("a", "1");
        turn(&mut before, 0, &mut broker, (0, 0));
        turn(&mut before, 0, &mut broker, (1, 1));
        let mut next = Claim::new("a", "2");
        turn(&mut next, 1, &mut broker, (100, 100));
        turn(&mut next, 1, &mut broker, (200, 200));
        assert!(!acts(&next, 200), "the one before may not have waited long enough itself");
        turn(&mut next, 1, &mut broker, (4_000, 4_000));
        assert!(acts(&next, 6_300));
    }
}
