//! The wire between a replica and the database, which can be cut.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

const LOOK: Duration = Duration::from_millis(100);

#[derive(Default)]
struct State {
    /// Nothing gets through, not even the end of a connection.
    cut: AtomicBool,
    /// Connections made before this was last counted up are reset.
    resets: AtomicUsize,
    over: AtomicBool,
}

/// Such a wire; it ends with this value.
pub(super) struct Proxy {
    port: u16,
    state: Arc<State>,
}

impl Proxy {
    /// One that leads to a port of this machine.
    pub(super) fn to(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State::default());
        let known = state.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if known.over.load(Ordering::Relaxed) {
                    return;
                }
                let state = known.clone();
                thread::spawn(move || connect(client, target, &state));
            }
        });
        Self { port, state }
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// From now on nothing gets through, and nobody is told.
    pub(super) fn cut(&self) {
        self.state.cut.store(true, Ordering::Relaxed);
    }

    /// Everything gets through again, and what was sent meanwhile as well.
    pub(super) fn mend(&self) {
        self.state.cut.store(false, Ordering::Relaxed);
    }

    /// Ends every connection there is.
    pub(super) fn reset(&self) {
        self.state.resets.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.mend();
        self.state.over.store(true, Ordering::Relaxed);
        self.reset();
        let _last = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn connect(client: TcpStream, target: u16, state: &Arc<State>) {
    let born = state.resets.load(Ordering::Relaxed);
    while state.cut.load(Ordering::Relaxed) {
        thread::sleep(LOOK);
    }
    let Ok(server) = TcpStream::connect(("127.0.0.1", target)) else {
        return;
    };
    let (back, forth) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    let known = state.clone();
    let other = thread::spawn(move || carry(back, forth, &known, born));
    carry(client, server, state, born);
    let _ended = other.join();
}

fn carry(mut from: TcpStream, mut to: TcpStream, state: &State, born: usize) {
    from.set_read_timeout(Some(LOOK)).unwrap();
    let mut bytes = [0; 16384];
    loop {
        let read = from.read(&mut bytes);
        while state.cut.load(Ordering::Relaxed) {
            thread::sleep(LOOK);
        }
        if state.resets.load(Ordering::Relaxed) != born {
            break;
        }
        match read {
            Ok(0) => break,
            Ok(count) => {
                if to.write_all(&bytes[..count]).is_err() {
                    break;
                }
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => break,
        }
    }
    let _ended = to.shutdown(Shutdown::Both);
    let _ended = from.shutdown(Shutdown::Both);
}
