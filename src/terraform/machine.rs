//! What this machine, or the container on it, has for engines.

use std::path::Path;

/// Of the memory this much is for runs; the rest is for Mooring itself and what nobody foresaw.
const FOR_RUNS: u64 = 85;
/// Mooring itself, its database and its caches, in bytes.
const OWN: u64 = 192 << 20;
/// With less memory for each run an engine collects its garbage as it does by default.
const TUNED_FROM: u64 = 512 << 20;
/// An engine and its providers share what a run has.
const PROCESSES: u64 = 4;

/// What there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Machine {
    /// Memory for runs, in bytes; none if the kernel does not tell.
    pub memory: Option<u64>,
    /// Processors that may be used; 0 if the kernel does not tell.
    pub processors: usize,
}

impl Machine {
    /// Asks the kernel: the limit of the control group (all the way up, version 2 or 1), else all memory.
    pub fn read() -> Self {
        Self::of(Path::new("/proc"), Path::new("/sys/fs/cgroup"))
    }

    fn of(proc: &Path, cgroups: &Path) -> Self {
        let limits = [cgroup_limit(proc, cgroups), total(proc)];
        let least = limits.into_iter().flatten().min();
        Self {
            memory: least.map(|bytes| bytes.saturating_sub(OWN) / 100 * FOR_RUNS),
            processors: std::thread::available_parallelism().map_or(0, usize::from),
        }
    }

    /// Variables for the Go runtime of engines, of which so many run at once: with memory to spare
    /// they collect less garbage, and none uses more than its share; none has more threads at work
    /// than its share of the processors, since those that look for work use them too.
    pub fn go_runtime(&self, jobs: usize) -> Vec<(&'static str, String)> {
        let jobs = jobs.max(1);
        let mut variables = Vec::new();
        if self.processors > 0 {
            let threads = (self.processors / jobs).max(1);
            variables.push(("GOMAXPROCS", threads.to_string()));
        }
        let jobs = u64::try_from(jobs).unwrap_or(u64::MAX);
        let share = self.memory.map(|memory| memory / jobs);
        if let Some(share) = share.filter(|share| *share >= TUNED_FROM) {
            variables.push(("GOGC", "400".to_owned()));
            variables.push(("GOMEMLIMIT", (share / PROCESSES).to_string()));
        }
        variables
    }
}

fn total(proc: &Path) -> Option<u64> {
    let text = std::fs::read_to_string(proc.join("meminfo")).ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

/// The smallest limit of the group and those above it.
fn cgroup_limit(proc: &Path, cgroups: &Path) -> Option<u64> {
    let text = std::fs::read_to_string(proc.join("self/cgroup")).ok()?;
    let limits = text.lines().filter_map(|line| {
        let (_, group) = line.split_once(':')?;
        match group.split_once(":/")? {
            ("", group) => smallest(cgroups, group, "memory.max"),
            (kinds, group) if kinds.split(',').any(|kind| kind == "memory") => {
                smallest(&cgroups.join("memory"), group, "memory.limit_in_bytes")
            }
            _ => None,
        }
    });
    limits.min()
}

/// A container may see its own group as the root of all, by whatever name the host knows it: what is
/// not there is passed over.
fn smallest(root: &Path, group: &str, file: &str) -> Option<u64> {
    let own = root.join(group);
    let above = own.ancestors().take_while(|dir| dir.starts_with(root));
    let limits = above.filter_map(|dir| {
        let text = std::fs::read_to_string(dir.join(file)).ok()?;
        text.trim().parse().ok()
    });
    limits.min()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    #[test]
    fn the_smallest_limit_counts() {
        let root = tempfile::tempdir().unwrap();
        let (proc, groups) = (root.path().join("proc"), root.path().join("groups"));
        let read = || Machine::of(&proc, &groups).memory;
        assert_eq!(read(), None);
        write(
            &proc,
            "meminfo",
            "MemTotal:       16777216 kB\nMemFree: 1 kB\n",
        );
        let of = |bytes: u64| Some((bytes - OWN) / 100 * FOR_RUNS);
        assert_eq!(read(), of(16 << 30));
        write(&proc, "self/cgroup", "0::/system.slice/mooring\n");
        write(&groups, "system.slice/mooring/memory.max", "max\n");
        assert_eq!(read(), of(16 << 30));
        write(&groups, "system.slice/memory.max", "4294967296\n");
        assert_eq!(read(), of(4 << 30));
        write(&groups, "system.slice/mooring/memory.max", "1073741824\n");
        assert_eq!(read(), of(1 << 30));
        write(
            &proc,
            "self/cgroup",
            "9:cpu:/\n4:hugetlb,memory:/docker/4f\n",
        );
        write(&groups, "memory/memory.limit_in_bytes", "805306368\n");
        assert_eq!(read(), of(768 << 20));
        write(
            &groups,
            "memory/docker/4f/memory.limit_in_bytes",
            "536870912\n",
        );
        assert_eq!(read(), of(512 << 20));
    }

    #[test]
    fn engines_are_tuned_to_their_share() {
        let machine = Machine {
            memory: Some(8 << 30),
            processors: 8,
        };
        let tuned = |jobs| machine.go_runtime(jobs);
        let limit = |bytes: u64| ("GOMEMLIMIT", bytes.to_string());
        let threads = |threads: &str| ("GOMAXPROCS", threads.to_owned());
        let less_garbage = ("GOGC", "400".to_owned());
        assert_eq!(tuned(4), [threads("2"), less_garbage, limit(512 << 20)]);
        assert_eq!(tuned(32), [threads("1")]);
        assert!(Machine::default().go_runtime(1).is_empty());
    }
}
