//! The way to a Git server leads through the proxy that the environment names.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use crate::harness::free_port;

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn sources_are_fetched_through_the_proxy_of_the_environment() {
    let home = tempfile::tempdir().unwrap();
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let direct = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = |listener: &TcpListener| listener.local_addr().unwrap().port();
    let configuration = format!(
        "data_dir: data\napi: {{ listen: \"127.0.0.1:{}\" }}\nsources:\n  \
         - {{ name: far, url: \"https://git.invalid/acme/infra.git\", poll: 1s }}\n  \
         - {{ name: near, url: \"https://127.0.0.1:{}/acme/infra.git\", poll: 1s }}\n",
        free_port(),
        port(&direct),
    );
    let file = home.path().join("mooring.yaml");
    std::fs::write(&file, configuration).unwrap();
    let mooring = Command::new(env!("CARGO_BIN_EXE_mooring"))
        .args(["serve", "--config"])
        .arg(&file)
        .env("HTTPS_PROXY", format!("http://127.0.0.1:{}", port(&proxy)))
        .env("NO_PROXY", "127.0.0.1")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _running = Running(mooring);

    let (asked, _) = proxy.accept().unwrap();
    let mut line = String::new();
    BufReader::new(asked).read_line(&mut line).unwrap();
    assert_eq!(line.trim(), "CONNECT git.invalid:443 HTTP/1.1");
    let (mut asked, _) = direct.accept().unwrap();
    let mut first = [0];
    asked.read_exact(&mut first).unwrap();
    assert_eq!(first, [0x16], "a TLS handshake, and no request to a proxy");
}
