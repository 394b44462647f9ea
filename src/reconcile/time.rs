//! What time it is for the daemon.

use jiff::Timestamp;

/// The clock that the daemon goes by.
#[derive(Debug, Default)]
pub enum Time {
    /// The one on the wall.
    #[default]
    Wall,
    /// One that stands until it is moved, so that a week can be played through in a test.
    #[cfg(test)]
    Paused(std::sync::Arc<std::sync::Mutex<Timestamp>>),
}

impl Time {
    /// The time it shows.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::Wall => Timestamp::now(),
            #[cfg(test)]
            Self::Paused(at) => *at.lock().unwrap_or_else(std::sync::PoisonError::into_inner),
        }
    }
}
