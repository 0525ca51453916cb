//! What programs of this user can do with the process of a host, besides what its profiles do.

use std::sync::Arc;

use tonic::{Request, Response, Status};
use volary_grpc::host_server::Host;
use volary_grpc::{LogLevelReply, LogLevelRequest};

/// How much a process logs, which can be changed while it runs.
pub trait LogLevel: Send + Sync + 'static {
    /// What is logged, in the form of `RUST_LOG`.
    fn filter(&self) -> String;

    /// Logs this from now on. Fails with the reason if it makes no sense.
    fn set(&self, filter: &str) -> Result<(), String>;
}

/// The process.
pub struct Process(pub Arc<dyn LogLevel>);

#[tonic::async_trait]
impl Host for Process {
    async fn log_level(&self, call: Request<LogLevelRequest>) -> Result<Response<LogLevelReply>, Status> {
        if let Some(filter) = call.into_inner().filter {
            self.0.set(&filter).map_err(Status::invalid_argument)?;
            tracing::info!(filter, "the level of the log was changed");
        }
        Ok(Response::new(LogLevelReply { filter: self.0.filter() }))
    }
}
