//! Intensities from accelerations in gal (1 gal = 1 cm/s²).

use libm::{floor, log10, round};
use rusqlite::types::{Value, ValueRef};

use super::function::{Answer, Function, number, real};

pub const FUNCTIONS: [Function; 3] = [
    Function { name: "mmi", arguments: 1, call: mmi },
    Function { name: "jma_intensity", arguments: 1, call: jma_intensity },
    Function { name: "jma_scale", arguments: 1, call: jma_scale },
];

/// Modified Mercalli intensity of a peak ground acceleration in gal, within 1 and 10: the bilinear
/// relation of C. B. Worden, M. C. Gerstenberger, D. A. Rhoades and D. J. Wald, Probabilistic
/// Relationships between Ground-Motion Parameters and Modified Mercalli Intensity in California,
/// BSSA 102(1), 2012, as ShakeMap has it: 1.78 + 1.55 log10 up to 10^1.57 gal, -1.60 + 3.70 log10
/// from there on; standard deviation 0.66. NULL for a negative acceleration.
fn mmi(arguments: &[ValueRef<'_>]) -> Answer {
    let pga_gal = number(arguments[0])?;
    if pga_gal < 0.0 {
        return Ok(Value::Null);
    }
    let log = log10(pga_gal);
    let intensity = if log <= 1.57 { 1.78 + 1.55 * log } else { -1.60 + 3.70 * log };
    Ok(real(intensity.clamp(1.0, 10.0)))
}

/// Instrumental seismic intensity of the Japan Meteorological Agency: I = 2 log10(a) + 0.94,
/// rounded to two decimals and cut to one (JMA notification No. 4 of 1996). Its a, in gal, is the
/// vector sum of three filtered components that is exceeded for 0.3 s in all; of a plain peak the
/// answer is an upper estimate. NULL for what is not above 0.
fn jma_intensity(arguments: &[ValueRef<'_>]) -> Answer {
    let a_gal = number(arguments[0])?;
    if a_gal <= 0.0 {
        return Ok(Value::Null);
    }
    let hundredths = round((2.0 * log10(a_gal) + 0.94) * 100.0);
    Ok(real(floor(hundredths / 10.0) / 10.0))
}

/// The class of an instrumental intensity: 0 to 4, 5-, 5+, 6-, 6+, 7, as text (the same
/// notification).
fn jma_scale(arguments: &[ValueRef<'_>]) -> Answer {
    const UP_TO: [(f64, &str); 9] = [
        (0.5, "0"),
        (1.5, "1"),
        (2.5, "2"),
        (3.5, "3"),
        (4.5, "4"),
        (5.0, "5-"),
        (5.5, "5+"),
        (6.0, "6-"),
        (6.5, "6+"),
    ];
    let intensity = number(arguments[0])?;
    let class = UP_TO.iter().find(|(end, _)| intensity < *end).map_or("7", |(_, class)| class);
    Ok(Value::Text(class.to_owned()))
}
