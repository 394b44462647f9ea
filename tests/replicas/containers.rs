//! The same with what people run: containers on a network of their own.

use super::broken::breaks;
use super::network::Network;

#[test]
fn whatever_breaks_containers_lose_and_double_nothing() {
    let test = "replicas::containers::whatever_breaks_containers_lose_and_double_nothing";
    if let Some(network) = Network::start(test) {
        breaks(network, 5, 1);
    }
}
