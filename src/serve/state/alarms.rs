//! Alarms of jobs, and what became of their delivery.
