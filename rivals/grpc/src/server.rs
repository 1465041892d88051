//! Where frames arrive.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::mpsc;

use aiflow_units::Timestamp;
use socket2::{Domain, Socket, Type};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_stream::{Stream, StreamExt as _};
use tonic::body::Body;
use tonic::codec::Streaming;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;
use tower::service_fn;

use crate::clock::Clock;
use crate::error::RivalError;
use crate::message::{Frame, LARGEST, PATH, Receipt, WINDOW};
use crate::network::SERVER;

/// A frame that arrived.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    pub(crate) number: u64,
    pub(crate) at: Timestamp,
}

/// Serves uploads on the calling thread until `stop` is told or dropped. `ready` is told when
/// clients can connect.
pub(crate) fn serve(
    clock: Clock,
    arrivals: mpsc::Sender<Arrival>,
    ready: mpsc::Sender<()>,
    stop: oneshot::Receiver<()>,
) -> Result<(), RivalError> {
    let runtime = runtime()?;
    runtime.block_on(async {
        let incoming = TcpIncoming::from(listen()?).with_nodelay(Some(true));
        // Who does not wait for it does not need it.
        let _ = ready.send(());
        let service = service_fn(move |request| answer(clock, arrivals.clone(), request));
        let served = Server::builder()
            .initial_connection_window_size(WINDOW)
            .initial_stream_window_size(WINDOW)
            .serve_with_incoming(service, incoming);
        tokio::select! {
            ended = served => ended.map_err(RivalError::from),
            _ = stop => Ok(()),
        }
    })
}

/// Makes a runtime that runs everything on the calling thread, and so in its namespace.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, RivalError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(RivalError::system("start a runtime"))
}

fn listen() -> Result<TcpListener, RivalError> {
    let listening = || {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.bind(&SERVER.into())?;
        socket.listen(8)?;
        TcpListener::from_std(socket.into())
    };
    listening().map_err(RivalError::system("listen in the namespace of the server"))
}

async fn answer(
    clock: Clock,
    arrivals: mpsc::Sender<Arrival>,
    request: http::Request<Body>,
) -> Result<http::Response<Body>, Infallible> {
    if request.uri().path() != PATH {
        return Ok(Status::unimplemented("there is one method only").into_http());
    }
    let codec = ProstCodec::<Receipt, Frame>::default();
    let mut grpc = tonic::server::Grpc::new(codec).max_decoding_message_size(LARGEST);
    let upload = service_fn(move |request| receive(clock, arrivals.clone(), request));
    Ok(grpc.streaming(upload, request).await)
}

/// Answers each frame as soon as all of it is there.
fn receive(
    clock: Clock,
    arrivals: mpsc::Sender<Arrival>,
    request: Request<Streaming<Frame>>,
) -> Ready<Result<Response<impl Stream<Item = Result<Receipt, Status>>>, Status>> {
    let receipts = request.into_inner().map(move |frame| {
        let number = frame?.number;
        let at = clock.now();
        // The receiver is gone only when the measurement is over.
        let _ = arrivals.send(Arrival { number, at });
        Ok(Receipt { number, received_us: at.since_origin().get() })
    });
    ready(Ok(Response::new(receipts)))
}
