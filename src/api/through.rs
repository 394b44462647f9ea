//! What a request asks to be changed is changed to the end, also if whoever asked hangs up in between.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::error::ApiError;

/// The server drops a request whose connection is gone, wherever it waits just then: a vote would be
/// stored, and nobody told of it.
pub(super) async fn to_its_end(request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    let answered = tokio::spawn(next.run(request)).await;
    answered.unwrap_or_else(|error| {
        tracing::error!("a request did not end well: {error}");
        ApiError::Internal.into_response()
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use axum::Router;
    use axum::middleware::from_fn;
    use axum::routing::post;
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::{TcpListener, TcpStream};
    use tokio::sync::{Notify, mpsc};
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn what_was_begun_is_done_though_whoever_asked_hangs_up() {
        let (tells, mut hears) = mpsc::channel::<&str>(2);
        let go = Arc::new(Notify::new());
        let goes = go.clone();
        let handler = async move || {
            tells.send("begun").await.unwrap();
            goes.notified().await;
            tells.send("done").await.unwrap();
        };
        let router = Router::new()
            .route("/", post(handler))
            .layer(from_fn(to_its_end));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let _serving = tokio::spawn(async { axum::serve(listener, router).await });

        let mut client = TcpStream::connect(address).await.unwrap();
        let asks = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n";
        client.write_all(asks).await.unwrap();
        assert_eq!(hears.recv().await, Some("begun"));
        drop(client);
        // The server notices that, and would drop the request.
        let silence = timeout(Duration::from_millis(300), hears.recv()).await;
        assert!(silence.is_err(), "{silence:?}");
        go.notify_one();
        let done = timeout(Duration::from_secs(10), hears.recv()).await;
        assert_eq!(done.unwrap(), Some("done"));
    }
}
