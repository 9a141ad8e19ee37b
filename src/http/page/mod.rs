//! The page: files of the folder `page`, compiled into the program.

mod files;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use sha2::{Digest as _, Sha256};

use self::files::{FILES, File};

/// The page asks its own server, and no one else, and runs nothing that is not a file of it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src 'self' data:; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// Whether there is something of the page at that path.
pub fn is_of_it(path: &str) -> bool {
    file(path).is_some()
}

/// The file that a request asks for, if it is one of the page.
pub fn answer(request: &Request) -> Option<Response> {
    let file = file(request.uri().path())?;
    matches!(*request.method(), Method::GET | Method::HEAD).then(|| respond(file, request))
}

fn file(path: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.path == path)
}

fn respond(file: &File, request: &Request) -> Response {
    let tag = format!("\"{}\"", hex(&Sha256::digest(file.content)[..8]));
    let has_it = |value: &HeaderValue| value.to_str().is_ok_and(|had| had.contains(&tag));
    let is_had = request.headers().get(header::IF_NONE_MATCH).is_some_and(has_it);
    let mut response = match is_had {
        true => Response::new(Body::empty()),
        false => Response::new(Body::from(file.content)),
    };
    if is_had {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.media_type));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    // Kept, and asked for each time: another version of the program has another page.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    /// Bytes that the page may have in all.
    const BUDGET: usize = 150_000;

    #[test]
    fn the_page_is_small_and_every_file_of_its_folder_is_in_the_program() {
        let all: usize = FILES.iter().map(|file| file.content.len()).sum();
        assert!(all <= BUDGET, "{all} bytes are more than {BUDGET}");
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("page");
        let mut found = BTreeSet::new();
        let mut folders = vec![folder.clone()];
        while let Some(next) = folders.pop() {
            for entry in fs::read_dir(next).unwrap() {
                let at = entry.unwrap().path();
                if at.is_dir() {
                    folders.push(at);
                } else {
                    let name = at.strip_prefix(&folder).unwrap().to_str().unwrap();
                    found.insert(format!("/{name}"));
                }
            }
        }
        // It is asked for as the folder, and what makes the coastlines is no part of the page.
        assert!(found.remove("/index.html") && found.remove("/draw/coast.py"));
        found.insert("/".to_owned());
        let known = FILES.iter().map(|file| file.path.to_owned());
        assert_eq!(known.collect::<BTreeSet<_>>(), found);
    }

    #[test]
    fn nothing_in_the_page_is_inline_or_from_elsewhere() {
        for file in FILES {
            let text = std::str::from_utf8(file.content).unwrap();
            let code = text.replace("http://www.w3.org/2000/svg", "");
            for not in
                ["http:", "https:", "innerHTML", "eval(", "document.write", " style=\"", "onclick="]
            {
                assert!(!code.contains(not), "{}: {not}", file.path);
            }
            assert!(!code.contains("<script>") && !code.contains("<style"), "{}", file.path);
        }
    }

    #[test]
    fn who_has_a_file_gets_it_once() {
        let ask = |tag: Option<&HeaderValue>| {
            let mut request = Request::new(Body::empty());
            if let Some(tag) = tag {
                request.headers_mut().insert(header::IF_NONE_MATCH, tag.clone());
            }
            answer(&request).unwrap()
        };
        let first = ask(None);
        assert_eq!(first.status(), StatusCode::OK);
        let again = ask(first.headers().get(header::ETAG));
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        assert!(
            again.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap().contains("'self'")
        );
    }
}
