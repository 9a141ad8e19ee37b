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
    file!("/draw/coast.json", "draw/coast.json", "application/json"),
    module!("api.js"),
    module!("app.js"),
    module!("dom.js"),
    module!("format.js"),
    module!("health.js"),
    module!("stream.js"),
    module!("draw/canvas.js"),
    module!("draw/chart.js"),
    module!("draw/charts.js"),
    module!("draw/colors.js"),
    module!("draw/map.js"),
    module!("draw/strips.js"),
    module!("graph/canvas.js"),
    module!("graph/draft.js"),
    module!("graph/form.js"),
    module!("graph/layout.js"),
    module!("views/actions.js"),
    module!("views/alarms.js"),
    module!("views/checkpoints.js"),
    module!("views/configuration.js"),
    module!("views/dead_letters.js"),
    module!("views/editor.js"),
    module!("views/graph.js"),
    module!("views/job.js"),
    module!("views/jobs.js"),
    module!("views/log.js"),
    module!("views/overview.js"),
    module!("views/requests.js"),
    module!("views/resources.js"),
    module!("views/sensors.js"),
    module!("views/trial.js"),
    module!("views/versions.js"),
];
