//! The way to one profile.

use volary_engine::ground::ids::ProfileId;
use volary_proto::{Call, Request};

use super::error::CallError;
use crate::bus::Bus;

/// A host and a profile of it.
#[derive(Clone)]
pub(super) struct Link<B> {
    pub(super) bus: B,
    pub(super) profile: ProfileId,
}

impl<B: Bus> Link<B> {
    /// Carries out a call of the profile.
    pub(super) async fn call<C: Call>(&self, call: C) -> Result<C::Answer, CallError> {
        let request = Request::new(self.profile.get(), call);
        Ok(self.bus.call(request).await?.take::<C>()?)
    }
}
