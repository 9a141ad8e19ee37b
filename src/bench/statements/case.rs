//! What is measured.

/// A statement, and the loop that does the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// Half of the rows are left out, and a ratio is computed.
    Filter,
    /// A threshold of each sensor, of 100,000, is looked up by its name.
    Join,
    /// The same function, built in.
    BuiltIn,
    /// A function of a module.
    #[cfg(feature = "wasm")]
    Function,
}

impl Case {
    /// All of them that this program has.
    pub fn all() -> &'static [Case] {
        &[
            Case::Filter,
            Case::Join,
            Case::BuiltIn,
            #[cfg(feature = "wasm")]
            Case::Function,
        ]
    }

    /// In a word.
    pub fn name(self) -> &'static str {
        match self {
            Case::Filter => "filter",
            Case::Join => "join",
            Case::BuiltIn => "sqrt",
            #[cfg(feature = "wasm")]
            Case::Function => "wasm",
        }
    }

    /// The statement.
    pub fn sql(self) -> &'static str {
        match self {
            Case::Filter => {
                "select sensor_id, window_start_ts, max_amplitude / rms_amplitude from rows \
                 where record_count >= 10"
            }
            Case::Join => {
                "select r.sensor_id, r.window_start_ts, r.max_amplitude / t.value from rows r \
                 left join threshold t on t.sensor_id = r.sensor_id"
            }
            Case::BuiltIn => "select sensor_id, window_start_ts, sqrt(rms_amplitude) from rows",
            #[cfg(feature = "wasm")]
            Case::Function => {
                "select sensor_id, window_start_ts, crest(max_amplitude, avg_amplitude, rms_amplitude) \
                 from rows"
            }
        }
    }
}
