//! What Mooring says about itself: logs on standard error and Prometheus metrics.

mod json;
pub mod logs;
pub mod metrics;

pub use self::logs::{LogError, LogFormat, init_logs, run_span};
pub use self::metrics::{Metrics, MetricsError};
