//! The store that speaks S3, in a container of its own: this very program, asked for nothing else.

use std::path::Path;

use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::harness::s3s;

/// How this program is asked for it.
pub(super) const COMMAND: [&str; 5] = [
    "/store",
    "--exact",
    "--ignored",
    "--nocapture",
    "replicas::store::serves_the_buckets_of_a_directory",
];
/// Says whose buckets these are.
const KEY: &str = "MINIO_ROOT_USER";
const SECRET: &str = "MINIO_ROOT_PASSWORD";
/// Where it keeps them.
const ROOT: &str = "/data";

#[test]
#[ignore = "ends with its container, which tests of replicas run"]
fn serves_the_buckets_of_a_directory() {
    let (Ok(key), Ok(secret)) = (std::env::var(KEY), std::env::var(SECRET)) else {
        return;
    };
    std::fs::create_dir_all(Path::new(ROOT).join("mooring")).unwrap();
    let router = s3s(Path::new(ROOT), (&key, &secret), |_| {});
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("0.0.0.0:9000").await.unwrap();
        axum::serve(listener, router).await.unwrap();
    });
}
