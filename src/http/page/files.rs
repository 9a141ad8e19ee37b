//! Every file of the page.

/// A file.
pub struct File {
    /// Where it is asked for.
    pub path: &'static str,
    /// What it is.
    pub media_type: &'static str,
    /// Its bytes.
    pub content: &'static [u8],
}

macro_rules! file {
    ($path:expr, $name:literal, $media_type:literal) => {
        File {
            path: $path,
            media_type: $media_type,
            content: include_bytes!(concat!("../../../page/", $name)),
        }
    };
}

macro_rules! module {
    ($name:literal) => {
        file!(concat!("/", $name), $name, "text/javascript; charset=utf-8")
    };
}

/// All of them.
pub const FILES: &[File] = &[
    file!("/", "index.html", "text/html; charset=utf-8"),
    file!("/style.css", "style.css", "text/css; charset=utf-8"),
    file!("/coast.json", "coast.json", "application/json"),
    module!("actions.js"),
    module!("alarms.js"),
    module!("api.js"),
    module!("app.js"),
    module!("canvas.js"),
    module!("chart.js"),
    module!("charts.js"),
    module!("checkpoints.js"),
    module!("colors.js"),
    module!("configuration.js"),
    module!("dead_letters.js"),
    module!("dom.js"),
    module!("format.js"),
    module!("health.js"),
    module!("job.js"),
    module!("jobs.js"),
    module!("log.js"),
    module!("map.js"),
    module!("overview.js"),
    module!("sensors.js"),
    module!("stream.js"),
    module!("strips.js"),
];
