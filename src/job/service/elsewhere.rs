//! Workers that run on other machines: how they are started and stopped, and where they answer.

use std::path::PathBuf;

use super::scaling_action::Action;

/// Words in braces that stand in a command for what is to be done.
pub const WORDS_OF_COMMAND: [&str; 9] =
    ["action", "job", "worker", "place", "node", "slots", "port", "workers", "parallelism"];

/// The same in the address of a worker.
pub const WORDS_OF_URL: [&str; 4] = ["node", "port", "worker", "place"];

/// Nodes of a job: more than workers are never needed.
pub const NODES: usize = 1_024;

/// Characters of the name of a node: those of a name in DNS.
const NODE_CHARS: usize = 253;

/// What `[elastic]` says of workers on other machines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elsewhere {
    /// A program and its arguments, with words in braces.
    pub command: Vec<String>,
    /// How long the command, or the API server, may take, s.
    pub command_within_s: u32,
    /// Machines on which the command starts workers.
    pub nodes: Vec<String>,
    /// Where a worker answers, with words in braces; `None`: at its node and port.
    pub worker_url: Option<String>,
    /// The port of a worker: on a node its place is added, a pod has this one.
    pub worker_port: u16,
    /// File with the token for workers.
    pub worker_token_file: Option<PathBuf>,
    /// File with certificates of whom those of workers are signed by.
    pub worker_ca_file: Option<PathBuf>,
    /// The StatefulSet of workers.
    pub statefulset: String,
    /// Its namespace; `None`: that of the pod of the server.
    pub namespace: Option<String>,
    /// The API server of Kubernetes; `None`: that of the cluster in which the server runs.
    pub api_url: Option<String>,
    /// File with the token for it; `None`: that of the service account.
    pub api_token_file: Option<PathBuf>,
    /// File with certificates of whom its is signed by; `None`: that of the service account.
    pub api_ca_file: Option<PathBuf>,
}

impl Default for Elsewhere {
    fn default() -> Self {
        Elsewhere {
            command: Vec::new(),
            command_within_s: 30,
            nodes: Vec::new(),
            worker_url: None,
            worker_port: 9100,
            worker_token_file: None,
            worker_ca_file: None,
            statefulset: "seismic-workers".to_owned(),
            namespace: None,
            api_url: None,
            api_token_file: None,
            api_ca_file: None,
        }
    }
}

impl Elsewhere {
    /// What is missing for that action, or contradicts it.
    ///
    /// # Errors
    /// In words.
    pub fn check(&self, action: Action) -> Result<(), String> {
        if action == Action::Command && self.command.is_empty() {
            return Err("action \"command\" needs a command: a program and its arguments, as in \
                        [\"/etc/seismic/scale\", \"{action}\", \"{node}\", \"{worker}\"]"
                .to_owned());
        }
        let names_node =
            self.command.iter().chain(&self.worker_url).any(|it| it.contains("{node}"));
        if action == Action::Command && self.nodes.is_empty() && names_node {
            return Err(
                "{node} stands in the command or in worker_url, and there are no nodes: write \
                        nodes = [\"node01\"]"
                    .to_owned(),
            );
        }
        Ok(())
    }

    /// Where the worker answers that has that place, name and node.
    #[must_use]
    pub fn url_of(&self, action: Action, place: usize, worker: &str, node: &str) -> String {
        let is_pod = action == Action::Kubernetes;
        let offset = if is_pod { 0 } else { u16::try_from(place).unwrap_or(u16::MAX) };
        let port = self.worker_port.saturating_add(offset).to_string();
        // Whoever logs in there is no part of an address.
        let host = node.rsplit('@').next().unwrap_or_default();
        let place = place.to_string();
        let words = [("node", host), ("port", &*port), ("worker", worker), ("place", &*place)];
        match &self.worker_url {
            Some(url) => filled(url, &words),
            None if is_pod => format!("http://{worker}.{}:{port}", self.statefulset),
            None if host.is_empty() => format!("http://127.0.0.1:{port}"),
            None => format!("http://{host}:{port}"),
        }
    }

    /// The port of the worker of that place on a node.
    #[must_use]
    pub fn port_of(&self, place: usize) -> u16 {
        self.worker_port.saturating_add(u16::try_from(place).unwrap_or(u16::MAX))
    }
}

/// The text with these words in the place of their names in braces.
#[must_use]
pub fn filled(text: &str, words: &[(&str, &str)]) -> String {
    let mut rest = text;
    let mut all = String::new();
    // What a word brings along is not looked at again.
    while let Some(start) = rest.find('{') {
        let (before, from) = rest.split_at(start);
        all += before;
        let found = words.iter().find_map(|(name, word)| {
            let after = from.strip_prefix('{')?.strip_prefix(name)?.strip_prefix('}')?;
            Some((*word, after))
        });
        let (word, after) = found.unwrap_or(("{", &from[1..]));
        all += word;
        rest = after;
    }
    all + rest
}

/// That each word in braces is one of these.
///
/// # Errors
/// Which is not.
pub fn check_words(text: &str, words: &[&str]) -> Result<(), String> {
    let mut rest = text;
    while let Some(start) = rest.find('{') {
        let from = &rest[start + 1..];
        let end = from.find('}').unwrap_or(from.len());
        let name = &from[..end];
        if !words.contains(&name) {
            let all: Vec<String> = words.iter().map(|word| format!("{{{word}}}")).collect();
            return Err(format!("{{{name}}} stands for nothing: write {}", all.join(", ")));
        }
        rest = &from[end..];
    }
    Ok(())
}

/// That a node is one whose name is the same for every program and shell: `node01`, `ops@node01.example`.
///
/// # Errors
/// Why not.
pub fn check_node(node: &str) -> Result<(), String> {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '@');
    let begins = node.starts_with(|c: char| c.is_ascii_alphanumeric());
    match begins && node.len() <= NODE_CHARS && node.chars().all(is_fine) {
        true => Ok(()),
        false => Err(format!(
            "{node:?} is no name of a node: letters, digits, \".\", \"_\", \"-\" and \"@\", beginning with \
             a letter or digit"
        )),
    }
}

/// That a name is one of Kubernetes: lower case letters, digits, `-` and `.`.
///
/// # Errors
/// Why not.
pub fn check_kubernetes_name(name: &str) -> Result<(), String> {
    let is_fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    let ends = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_name = name.len() <= NODE_CHARS && name.chars().all(is_fine);
    match is_name && name.starts_with(ends) && name.ends_with(ends) {
        true => Ok(()),
        false => Err(format!(
            "{name:?} is no name of Kubernetes: lower case letters, digits, \"-\" and \".\""
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_put_in_once_and_what_they_bring_along_is_text() {
        let words = [("node", "{worker}"), ("worker", "w;rm -rf /")];
        assert_eq!(filled("{node} {worker} {", &words), "{worker} w;rm -rf / {");
        assert_eq!(check_words("a{node}b{port}", &WORDS_OF_URL), Ok(()));
        let why = check_words("{nodes}", &WORDS_OF_URL).unwrap_err();
        assert!(why.starts_with("{nodes} stands for nothing: write {node}"), "{why}");
        assert!(check_words("{node", &["node"]).is_ok() && check_words("{", &["node"]).is_err());
    }

    #[test]
    fn names_of_nodes_are_no_options_and_nothing_that_a_shell_reads() {
        for fine in ["node01", "ops@node01.example", "10.1.2.3"] {
            assert_eq!(check_node(fine), Ok(()));
        }
        for wrong in ["", "-oProxyCommand=x", "a b", "a;b", "$(x)", "a\n", "node'", "@a"] {
            assert!(check_node(wrong).is_err(), "{wrong}");
        }
        assert!(check_kubernetes_name("seismic-workers").is_ok());
        assert!(check_kubernetes_name("a/../b").is_err());
    }

    #[test]
    fn workers_answer_at_their_node_or_by_the_name_of_their_pod() {
        let it = Elsewhere::default();
        let of = |it: &Elsewhere, action, node| it.url_of(action, 3, "coast-3", node);
        assert_eq!(of(&it, Action::Command, "ops@node01"), "http://node01:9103");
        assert_eq!(of(&it, Action::Command, ""), "http://127.0.0.1:9103");
        assert_eq!(of(&it, Action::Kubernetes, ""), "http://coast-3.seismic-workers:9100");
        let url = Some("https://{node}.example:7{place}".to_owned());
        let named = Elsewhere { worker_url: url, ..it };
        assert_eq!(of(&named, Action::Command, "n"), "https://n.example:73");
    }

    #[test]
    fn an_action_without_what_it_needs_is_refused() {
        let it = Elsewhere::default();
        assert!(it.check(Action::Local).is_ok() && it.check(Action::Kubernetes).is_ok());
        assert!(it.check(Action::Command).unwrap_err().contains("needs a command"));
        let command = vec!["/bin/scale".to_owned(), "{node}".to_owned()];
        let without = Elsewhere { command, ..it };
        assert!(without.check(Action::Command).unwrap_err().contains("there are no nodes"));
    }
}
