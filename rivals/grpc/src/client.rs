//! Where frames come from.

use std::io;

use aiflow_units::{Bytes, Micros, Timestamp};
use bytes::Bytes as Buffer;
use http::uri::PathAndQuery;
use hyper_util::rt::TokioIo;
use socket2::{Domain, Socket, Type};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{sleep_until, timeout_at};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::Request;
use tonic::transport::{Channel, Endpoint};
use tonic_prost::ProstCodec;
use tower::service_fn;

use crate::clock::Clock;
use crate::error::RivalError;
use crate::message::{Frame, LARGEST, PATH, Receipt, WINDOW};
use crate::network::{SERVER, set_congestion};
use crate::server::runtime;

/// What is sent.
#[derive(Debug, Clone)]
pub(crate) struct Traffic {
    /// The name of the kernel's congestion control.
    pub(crate) congestion: String,
    /// The size of each frame.
    pub(crate) frame: Bytes,
    /// The time between frames.
    pub(crate) period: Micros,
    /// When the first frame is captured.
    pub(crate) from: Timestamp,
    /// When no more frames are captured.
    pub(crate) to: Timestamp,
    /// When nothing is waited for any more.
    pub(crate) patience: Timestamp,
}

/// Uploads frames on the calling thread, and waits until all have arrived or patience ends.
/// Returns when each was captured.
pub(crate) fn upload(clock: Clock, traffic: Traffic) -> Result<Vec<Timestamp>, RivalError> {
    let runtime = runtime()?;
    runtime.block_on(async {
        let (sender, frames) = unbounded_channel();
        let deadline = clock.instant(traffic.patience).into();
        let capturing = tokio::spawn(capture(clock, traffic.clone(), sender));
        match timeout_at(deadline, call(&traffic.congestion, frames)).await {
            Ok(Ok(())) | Err(_) => {}
            Ok(Err(error)) => return Err(error),
        }
        capturing.await.map_err(|_| RivalError::Panicked)
    })
}

/// Frames do not wait for the connection: they are captured at their time and queue in memory.
async fn capture(clock: Clock, traffic: Traffic, frames: UnboundedSender<Frame>) -> Vec<Timestamp> {
    let payload = Buffer::from(vec![0x5a; usize::try_from(traffic.frame.get()).unwrap_or(LARGEST)]);
    let mut captured = Vec::new();
    let mut next = traffic.from;
    while next < traffic.to {
        sleep_until(clock.instant(next).into()).await;
        let (number, now) = (captured.len() as u64, clock.now());
        captured.push(now);
        let captured_us = now.since_origin().get();
        // The call may have been given up; then nothing can arrive, which is a result.
        let _ = frames.send(Frame { number, captured_us, payload: payload.clone() });
        next = next.after(traffic.period);
    }
    captured
}

/// Sends what is captured, and waits until the last of it has been received.
async fn call(congestion: &str, frames: UnboundedReceiver<Frame>) -> Result<(), RivalError> {
    let channel = connect(congestion).await?;
    let mut grpc = tonic::client::Grpc::new(channel).max_encoding_message_size(LARGEST);
    grpc.ready().await?;
    let request = Request::new(UnboundedReceiverStream::new(frames));
    let codec = ProstCodec::<Frame, Receipt>::default();
    let path = PathAndQuery::from_static(PATH);
    let mut receipts = grpc.streaming(request, path, codec).await?.into_inner();
    while receipts.message().await?.is_some() {}
    Ok(())
}

async fn connect(congestion: &str) -> Result<Channel, RivalError> {
    let socket = socket(congestion)?;
    let mut socket = Some(socket);
    let connector = service_fn(move |_| {
        let socket = socket.take();
        async move {
            // A second connection would be another measurement.
            let socket = socket.ok_or(io::ErrorKind::ConnectionAborted)?;
            let stream: TcpStream = socket.connect(SERVER).await?;
            Ok::<_, io::Error>(TokioIo::new(stream))
        }
    });
    let endpoint = Endpoint::from_shared(format!("http://{SERVER}"))?
        .initial_connection_window_size(WINDOW)
        .initial_stream_window_size(WINDOW);
    Ok(endpoint.connect_with_connector(connector).await?)
}

fn socket(congestion: &str) -> Result<TcpSocket, RivalError> {
    let what = "make a TCP socket in the namespace of the client";
    let open = || {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        Ok(socket)
    };
    let socket = open().map_err(RivalError::system(what))?;
    set_congestion(&socket, congestion)?;
    Ok(TcpSocket::from_std_stream(socket.into()))
}
