//! A connection whose other end is gone without a word, as with a machine that loses its power or an
//! address that moves, is noticed: whoever waits for an answer there would wait for ever. The library sets
//! nothing of the kind and does not show its sockets.
#![allow(
    unsafe_code,
    reason = "a file descriptor of another's is only known by its number"
)]

use std::net::SocketAddr;
use std::os::fd::{BorrowedFd, RawFd};
use std::time::Duration;

use rustix::net::{getpeername, sockopt};

/// Silence after which the system asks the other end, how often, and how many times.
const SILENCE: Duration = Duration::from_secs(10);
const AGAIN: Duration = Duration::from_secs(5);
const TIMES: u32 = 3;
/// What was sent and not heard of is given up after this time.
const UNHEARD: u32 = 25_000;

/// Has the system look after every connection of this process to a port.
pub(super) fn look_after(port: u16) {
    let Ok(own) = std::fs::read_dir("/proc/self/fd") else {
        return;
    };
    let numbers = own
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    for number in numbers.collect::<Vec<RawFd>>() {
        // SAFETY: it is used only within this call. If it is closed in between, the call fails, or is
        // about another socket: then that one is looked after, which does no harm.
        let socket = unsafe { BorrowedFd::borrow_raw(number) };
        let peer = getpeername(socket).ok().flatten();
        let peer = peer.and_then(|peer| SocketAddr::try_from(peer).ok());
        if peer.is_some_and(|peer| peer.port() == port) {
            let _unsupported = keep_alive(socket);
        }
    }
}

fn keep_alive(socket: BorrowedFd<'_>) -> rustix::io::Result<()> {
    sockopt::set_socket_keepalive(socket, true)?;
    sockopt::set_tcp_keepidle(socket, SILENCE)?;
    sockopt::set_tcp_keepintvl(socket, AGAIN)?;
    sockopt::set_tcp_keepcnt(socket, TIMES)?;
    sockopt::set_tcp_user_timeout(socket, UNHEARD)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn connections_to_the_port_are_looked_after_and_no_others() {
        let (one, other) = (
            TcpListener::bind("127.0.0.1:0").unwrap(),
            TcpListener::bind("127.0.0.1:0").unwrap(),
        );
        let address = one.local_addr().unwrap();
        let connected = TcpStream::connect(address).unwrap();
        let beside = TcpStream::connect(other.local_addr().unwrap()).unwrap();
        look_after(address.port());
        assert!(sockopt::socket_keepalive(&connected).unwrap());
        assert_eq!(sockopt::tcp_keepidle(&connected).unwrap(), SILENCE);
        assert_eq!(sockopt::tcp_user_timeout(&connected).unwrap(), UNHEARD);
        assert!(!sockopt::socket_keepalive(&beside).unwrap());
    }
}
