#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;
#[test]
fn example_loads() {
    let base = Path::new("/etc/mooring");
    let now = "2026-01-01T00:00:00Z".parse().unwrap();
    let r = parse(&example(), "mooring.yaml", base, now);
    if let Err(e) = &r {
        panic!("{}", e.report(false, 100));
    }
}
