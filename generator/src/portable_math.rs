//! Elementary functions that give the same bits on every machine.
//!
//! `f32::sin` and `f32::exp` come from the platform's mathematical library and may differ in the
//! last bit from one machine to the next. A seed must reproduce a run exactly, so these functions
//! use only additions and multiplications. Their precision is enough for a simulation, not for a
//! measurement.

/// sin(2π · `turns`), within 0.002; between -1 and 1.
///
/// A parabola through the zeros and extremes, corrected by its own square.
#[must_use]
pub(crate) fn sine(turns: f32) -> f32 {
    let y = 1.0 - 2.0 * (turns - turns.floor());
    let parabola = 4.0 * y * (1.0 - y.abs());
    parabola * (0.775 + 0.225 * parabola.abs())
}

/// cos(2π · `turns`), as [`sine`].
#[must_use]
pub(crate) fn cosine(turns: f32) -> f32 {
    sine(turns + 0.25)
}

/// e^-`x` for `x` ≥ 0, within 0.001; between 0 and 1.
///
/// Three terms of the series at x/256, raised to the 256th power by eight squarings.
#[must_use]
pub(crate) fn decay(x: f32) -> f32 {
    let small = x.min(20.0) / 256.0;
    let mut power = 1.0 - small + 0.5 * small * small;
    for _ in 0..8 {
        power *= power;
    }
    power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_close_to_the_real_functions_and_stay_in_range() {
        for step in 0..10_000 {
            let x = step as f32 / 500.0;
            let angle = std::f32::consts::TAU * x;
            assert!((sine(x) - angle.sin()).abs() < 0.002, "sine({x}) = {}", sine(x));
            assert!((cosine(x) - angle.cos()).abs() < 0.002, "cosine({x}) = {}", cosine(x));
            assert!((decay(x) - (-x).exp()).abs() < 0.001, "decay({x}) = {}", decay(x));
            assert!(sine(x).abs() <= 1.0 && (0.0..=1.0).contains(&decay(x)));
        }
    }
}
