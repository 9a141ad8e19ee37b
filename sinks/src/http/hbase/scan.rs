//! The rows of the table in the order of their keys, page by page.

use super::cells::{self, FoundRow};
use super::failure;
use super::target::Target;
use crate::http::answer::{self, Request, Server};
use crate::{Error, Result};

/// Rows of one page: some MB.
const PAGE: usize = 1_000;

/// Hands each row of the sink's family to `look`; a page has at most so many bytes.
pub(super) fn each(
    server: &Server,
    target: &Target,
    page_bytes: u64,
    mut look: impl FnMut(&FoundRow) -> Result<()>,
) -> Result<()> {
    let doing = "reading rows";
    let mut after: Option<Vec<u8>> = None;
    loop {
        let from = after
            .as_ref()
            .map_or(String::new(), |key| format!("&startrow={}", cells::escaped(key)));
        let path = format!("/{}/*?limit={PAGE}&column={}{from}", target.table, target.family);
        let answer = server.ask(doing, Request::Get, &path, page_bytes)?;
        let page = match answer.status {
            200 => cells::read(&answer.body).ok_or_else(|| answer::unread(&target.name, doing))?,
            204 | 404 => Vec::new(),
            _ => return Err(failure::of_answer(&target.name, doing, &answer)),
        };
        // A page begins with the row that the one before ended with.
        let mut new = page.iter().filter(|row| after.as_ref() != Some(&row.key));
        new.clone().try_for_each(&mut look)?;
        let Some(last) = new.next_back().filter(|_| page.len() == PAGE) else { return Ok(()) };
        if std::str::from_utf8(&last.key).is_err() {
            // The gateway takes texts alone.
            let (sink, what) =
                (target.name.clone(), "it has a row whose key is no text".to_owned());
            return Err(Error::NothingToCompare { sink, what });
        }
        after = Some(last.key.clone());
    }
}
