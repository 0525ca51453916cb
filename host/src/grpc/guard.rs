//! A connection with its place. Until its first call is let in it is a stranger, which has a moment for that and makes
//! room for others.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tonic::transport::server::Connected;

use crate::places::{Place, Standing};

/// How long the first call may take. Later there are signs of life.
pub const FIRST_CALL: Duration = Duration::from_secs(30);

/// What a connection is made of.
pub trait Io: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Io for T {}

/// A connection.
pub struct Guarded<I> {
    io: I,
    /// None when it is known.
    outstayed: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    place: Place,
}

impl<I> Guarded<I> {
    pub fn new(io: I, place: Place) -> Self {
        Self { io, outstayed: Some(Box::pin(place.outstayed(FIRST_CALL))), place }
    }
}

impl<I> Connected for Guarded<I> {
    type ConnectInfo = Arc<Standing>;

    fn connect_info(&self) -> Arc<Standing> {
        self.place.standing()
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Guarded<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(outstayed) = &mut self.outstayed {
            if outstayed.as_mut().poll(context).is_ready() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            if self.place.is_known() {
                self.outstayed = None;
            }
        }
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Guarded<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}
