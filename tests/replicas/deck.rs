//! What breaks, when and where: all of it follows from a seed.

use std::time::Duration;

/// Numbers that look random and follow from a seed (SplitMix64).
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn of(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// One of so many.
    pub(super) fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.next() % count as u64).unwrap()
    }

    /// One of some.
    pub(super) fn of_these<T: Copy>(&mut self, these: &[T]) -> T {
        these[self.below(these.len())]
    }

    /// Within two limits, in milliseconds.
    pub(super) fn between(&mut self, least: usize, most: usize) -> Duration {
        let more = self.below(most - least + 1);
        Duration::from_millis(u64::try_from(least + more).unwrap())
    }

    fn shuffle<T>(&mut self, these: &mut [T]) {
        for at in (1..these.len()).rev() {
            these.swap(at, self.below(at + 1));
        }
    }
}

/// What can happen to a replica, or to all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It is killed, and started again soon after.
    Killed,
    /// It is asked to stop, and started again soon after.
    Terminated,
    /// It stands still, for less than the server waits.
    Naps,
    /// It stands still until others have gone on without it.
    Frozen,
    /// Nothing passes between it and the database, until others have gone on without it.
    CutOff,
    /// All its connections to the database end.
    Reset,
    /// Its disk is full.
    DiskFull,
    /// The database server is restarted.
    DatabaseRestarts,
}

impl Trouble {
    /// How long it lasts.
    pub(super) fn lasts(self, dice: &mut Dice) -> Duration {
        match self {
            Self::Killed | Self::Terminated => dice.between(1_000, 9_000),
            Self::Naps => dice.between(3_000, 9_000),
            Self::Frozen | Self::CutOff => dice.between(36_000, 44_000),
            Self::Reset => Duration::ZERO,
            Self::DiskFull => dice.between(8_000, 15_000),
            Self::DatabaseRestarts => dice.between(1_000, 6_000),
        }
    }
}

/// To whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Victim {
    /// Whoever leads.
    Leader,
    /// Whoever applies something now.
    Applier,
    /// Whoever it may be.
    Any,
}

/// What happens, to whom, and how long it is quiet before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Card {
    pub(super) pause: Duration,
    pub(super) trouble: Trouble,
    pub(super) victim: Victim,
}

/// Each trouble at least once; what lasts long comes early.
pub(super) fn deck(dice: &mut Dice) -> Vec<Card> {
    let mut long = vec![Trouble::Frozen, Trouble::CutOff];
    let mut short = vec![
        Trouble::Killed,
        Trouble::Killed,
        Trouble::Terminated,
        Trouble::Naps,
        Trouble::Reset,
        Trouble::DiskFull,
        Trouble::DatabaseRestarts,
    ];
    dice.shuffle(&mut long);
    dice.shuffle(&mut short);
    let later = short.split_off(2);
    let first = long.into_iter().zip(short);
    let order = first
        .flat_map(|(long, short)| [long, short])
        .chain(later)
        .collect::<Vec<_>>();
    let card = |trouble| Card {
        pause: dice.between(2_500, 7_000),
        trouble,
        victim: dice.of_these(&[
            Victim::Leader,
            Victim::Applier,
            Victim::Applier,
            Victim::Any,
        ]),
    };
    order.into_iter().map(card).collect()
}

#[test]
fn the_same_seed_breaks_the_same() {
    let told = |seed| format!("{:?}", deck(&mut Dice::of(seed)));
    assert_eq!(told(7), told(7));
    assert_ne!(told(7), told(8));
}
