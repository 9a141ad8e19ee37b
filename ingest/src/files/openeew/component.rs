//! Which component of the three axes becomes the amplitude of a sample.

use std::fmt;
use std::str::FromStr;

use super::message::Message;

/// Which component of the three axes is imported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Component {
    /// √(x² + y² + z²), after subtracting from each axis its mean over the device's first message
    /// that was ever imported: gravity, and the tilt of the device.
    #[default]
    Vector,
    /// The x axis as it is.
    X,
    /// The y axis as it is.
    Y,
    /// The z axis as it is.
    Z,
}

impl Component {
    /// All of them, with their names.
    pub const ALL: [(Component, &'static str); 4] = [
        (Component::Vector, "vector"),
        (Component::X, "x"),
        (Component::Y, "y"),
        (Component::Z, "z"),
    ];
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (_, name) = Self::ALL[*self as usize];
        f.write_str(name)
    }
}

impl FromStr for Component {
    type Err = UnknownComponent;

    fn from_str(text: &str) -> Result<Self, UnknownComponent> {
        let found = Self::ALL.into_iter().find(|(_, name)| *name == text);
        found.map(|(component, _)| component).ok_or_else(|| UnknownComponent(text.to_owned()))
    }
}

/// A text that names no component.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not a component; known are vector, x, y and z")]
pub struct UnknownComponent(String);

impl Component {
    /// One amplitude per sample, gal; computed in `f64` and rounded once.
    pub(crate) fn amplitudes(self, message: &Message, rest: [f64; 3]) -> Vec<f32> {
        let axis = |axis: &[f64]| axis.iter().map(|&gal| gal as f32).collect();
        match self {
            Component::X => axis(&message.x),
            Component::Y => axis(&message.y),
            Component::Z => axis(&message.z),
            Component::Vector => (0..message.len()).map(|i| length(message, i, rest)).collect(),
        }
    }
}

/// Mean of each axis over a message: the position of a device at rest.
pub(crate) fn rest(message: &Message) -> [f64; 3] {
    [&message.x, &message.y, &message.z].map(|axis| mean(axis))
}

fn mean(axis: &[f64]) -> f64 {
    axis.iter().sum::<f64>() / axis.len() as f64
}

fn length(message: &Message, i: usize, rest: [f64; 3]) -> f32 {
    let [x, y, z] = [message.x[i] - rest[0], message.y[i] - rest[1], message.z[i] - rest[2]];
    (x * x + y * y + z * z).sqrt() as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_as_written() {
        for (component, name) in Component::ALL {
            assert_eq!(component.to_string(), name);
            assert_eq!(name.parse::<Component>().unwrap(), component);
        }
        assert!("w".parse::<Component>().unwrap_err().to_string().contains("vector"));
    }

    #[test]
    fn a_device_at_rest_has_no_vector_however_it_stands() {
        let message = |x: [f64; 2]| Message {
            device: "1".to_owned(),
            x: x.to_vec(),
            y: vec![4.0; 2],
            z: vec![980.0; 2],
            rate_hz: 31.25,
            device_us: 0,
            cloud_us: 0,
        };
        let rest = rest(&message([3.0, 3.0]));
        assert_eq!(Component::Vector.amplitudes(&message([3.0, 3.0]), rest), [0.0, 0.0]);
        assert_eq!(Component::Vector.amplitudes(&message([3.0, 5.5]), rest), [0.0, 2.5]);
        assert_eq!(Component::Z.amplitudes(&message([0.0, 0.0]), rest), [980.0, 980.0]);
    }
}
