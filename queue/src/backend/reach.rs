//! Whether anybody takes connections at one of several addresses: asked of all of them at once, and
//! answered within a bound, however long names take to look up.

use std::net::{TcpStream, ToSocketAddrs as _};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// Whether one of these (`host:port`) takes connections, as far as that is seen within `wait`.
pub fn any_takes_connections(addresses: impl IntoIterator<Item = String>, wait: Duration) -> bool {
    first_within(addresses, wait, move |address| takes_connections(address, wait).then_some(()))
        .is_some()
}

/// Asks about each of these in a thread of its own, and gives the first answer that comes within
/// `wait`. Threads whose answers nobody waits for any more end by themselves.
pub fn first_within<Place, Answer>(
    places: impl IntoIterator<Item = Place>,
    wait: Duration,
    ask: impl Fn(&Place) -> Option<Answer> + Clone + Send + 'static,
) -> Option<Answer>
where
    Place: Send + 'static,
    Answer: Send + 'static,
{
    let until = Instant::now() + wait;
    let (to, answers) = mpsc::channel();
    for place in places {
        let (to, ask) = (to.clone(), ask.clone());
        let asking = move || {
            let _ = to.send(ask(&place));
        };
        // Without a thread nothing is known of it.
        drop(thread::Builder::new().name("reach".to_owned()).spawn(asking));
    }
    drop(to);
    while let Ok(answer) = answers.recv_timeout(until.saturating_duration_since(Instant::now())) {
        if answer.is_some() {
            return answer;
        }
    }
    None
}

fn takes_connections(address: &str, wait: Duration) -> bool {
    let Ok(mut places) = address.to_socket_addrs() else { return false };
    places.any(|place| TcpStream::connect_timeout(&place, wait).is_ok())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    const WAIT: Duration = Duration::from_secs(5);

    #[test]
    fn one_that_takes_connections_is_enough() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let open = server.local_addr().unwrap().to_string();
        let closed = {
            let gone = TcpListener::bind("127.0.0.1:0").unwrap();
            gone.local_addr().unwrap().to_string()
        };
        let all = ["no-such-host.invalid:1".to_owned(), closed.clone(), open];
        assert!(any_takes_connections(all, WAIT));
        assert!(!any_takes_connections([closed], WAIT));
        assert!(!any_takes_connections([], WAIT));
    }

    #[test]
    fn an_answer_that_does_not_come_is_not_waited_for() {
        let asked = first_within([1], Duration::ZERO, |_| {
            thread::park();
            Some(())
        });
        assert_eq!(asked, None);
    }
}
