//! A sink as a value on the command line. Errors show it without its password.

use std::ffi::OsStr;

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use clap::{Arg, Command, Error};
use seismic_sinks::{SinkSpec, without_password};

/// Reads a [`SinkSpec`].
#[derive(Clone, Copy, Debug)]
pub struct SinkValue;

impl TypedValueParser for SinkValue {
    type Value = SinkSpec;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> Result<SinkSpec, Error> {
        let text = value.to_string_lossy();
        text.parse().map_err(|error| {
            let (shown, arg) =
                (without_password(&text), arg.map_or_else(String::new, Arg::to_string));
            let words = format!("invalid value '{shown}' for '{arg}': {error}\n");
            Error::raw(ErrorKind::ValueValidation, words).with_cmd(command)
        })
    }
}
