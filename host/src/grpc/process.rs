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

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;
    use tonic::Code;
    use tonic::transport::Endpoint;
    use volary_grpc::host_client::HostClient;
    use volary_proto::ErrorCode;

    use super::*;
    use crate::access::{Access, Tokens};
    use crate::bus::Bus as _;
    use crate::event_log::EventLog;
    use crate::grpc::{Grpc, Listen, Remote};
    use crate::jsonrpc::tests::Script;

    struct Level(Mutex<String>);

    impl LogLevel for Level {
        fn filter(&self) -> String {
            self.0.lock().clone()
        }

        fn set(&self, filter: &str) -> Result<(), String> {
            if filter == "loud" {
                return Err("not a filter".to_owned());
            }
            filter.clone_into(&mut self.0.lock());
            Ok(())
        }
    }

    #[tokio::test]
    async fn the_level_of_the_log_is_changed_by_programs_of_this_user_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (script, _events) = Script::with_events();
        let log = EventLog::open(folder.path(), script.subscribe(), true).unwrap();
        let level = Level(Mutex::new("info".to_owned()));
        let mut grpc = Grpc::new(script, log, folder.path()).unwrap().with_log_level(level);
        grpc.on_socket().unwrap();
        let tokens = Tokens::of(folder.path());
        let token = tokens.add("all", Access::default()).unwrap();
        let listen = Listen { address: "127.0.0.1:0".parse().unwrap(), tls: None };
        let address = grpc.on_address(listen, tokens).await.unwrap();

        let near = Remote::connect(folder.path()).await.unwrap();
        assert_eq!(near.log_level(None).await.unwrap(), "info");
        assert_eq!(near.log_level(Some("debug".to_owned())).await.unwrap(), "debug");
        let error = near.log_level(Some("loud".to_owned())).await.unwrap_err();
        assert_eq!((error.code(), error.message.as_str()), (ErrorCode::Invalid, "not a filter"));

        let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
        let mut far = HostClient::with_interceptor(channel, |mut call: Request<()>| {
            let shown = format!("Bearer {token}").parse().map_err(|_| Status::internal("no text"))?;
            call.metadata_mut().insert("authorization", shown);
            Ok(call)
        });
        let refused = far.log_level(LogLevelRequest { filter: Some("trace".to_owned()) }).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unimplemented);
        assert_eq!(near.log_level(None).await.unwrap(), "debug");
        grpc.stop().await;
    }
}
