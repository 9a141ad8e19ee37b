//! Sensors known to several partitions, in the status.

use seismic_pipeline::{Notice, SpreadSensor};
use serde::Serialize;

use crate::remedy::notice_with_remedy;

/// Sensors that several partitions know: those whose records are spread over them, and those that
/// have moved from one to another.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SensorPartitions {
    /// How many are spread; `None` when there are too many sensors to compare them here.
    pub spread_sensors: Option<u64>,
    /// The first of these.
    pub spread: Vec<SensorPlace>,
    /// How many have moved.
    pub moved_sensors: Option<u64>,
    /// The first of these.
    pub moved: Vec<SensorPlace>,
    /// In words, each with what to do about it.
    #[serde(skip)]
    pub words: Vec<String>,
}

/// A sensor with its partitions.
#[derive(Clone, Debug, Serialize)]
pub struct SensorPlace {
    /// Its id.
    pub sensor: String,
    /// The partitions.
    pub partitions: Vec<u32>,
}

impl SensorPartitions {
    /// What was found; `None` when nothing was compared.
    pub fn of(notices: Option<&[Notice]>) -> Self {
        let Some(notices) = notices else { return SensorPartitions::default() };
        let words = notices.iter().map(notice_with_remedy).collect();
        let mut all = SensorPartitions { words, ..SensorPartitions::default() };
        let place = |found: &SpreadSensor| SensorPlace {
            sensor: found.sensor.clone(),
            partitions: found.partitions.iter().map(|partition| partition.0).collect(),
        };
        (all.spread_sensors, all.moved_sensors) = (Some(0), Some(0));
        for notice in notices {
            match notice {
                Notice::Spread(spread) => {
                    all.spread_sensors = Some(spread.total);
                    all.spread = spread.named.iter().map(place).collect();
                }
                Notice::Moved(moved) => {
                    all.moved_sensors = Some(moved.total);
                    all.moved = moved.named.iter().map(place).collect();
                }
                Notice::Rejected(_) | Notice::Steps(_) | Notice::HeldBack(_) => {}
            }
        }
        all
    }
}
