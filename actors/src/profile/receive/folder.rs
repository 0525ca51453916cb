//! What a relay reports about its folder is stored.

use std::rc::Rc;

use volary_proto::v1::relay_notice::Notice;

use super::super::shared::Shared;
use volary_engine::ground::ids::TransportId;
use volary_engine::incoming::folder;

/// Takes note of a report.
pub async fn note(shared: &Rc<Shared>, transport: TransportId, notice: Notice) {
    let noted = shared.db.transact(shared.id, move |tx| folder::note(tx, transport, notice)).await;
    if let Err(error) = noted {
        tracing::error!(profile = %shared.id, %transport, %error, "report of a relay cannot be stored");
    }
}
