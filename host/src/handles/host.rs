//! The profiles of an engine, or of a running host.

use volary_engine::ground::ids::ProfileId;
use volary_proto::{
    AddAccount, GetAllAccountIds, RemoveAccount, StartIoForAllAccounts, StopIoForAllAccounts,
};

use super::error::CallError;
use super::events::Events;
use super::link::Link;
use super::profile::Profile;
use crate::engine::Engine;
#[cfg(feature = "grpc")]
use crate::grpc::Remote;

macro_rules! profiles_of {
    ($host:ty) => {
        impl $host {
            /// The handle of a profile. It is not looked whether there is one.
            pub fn profile(&self, id: impl Into<ProfileId>) -> Profile<Self> {
                Profile::new(self.clone(), id.into())
            }

            /// All profiles, in their order.
            pub async fn profiles(&self) -> Result<Vec<Profile<Self>>, CallError> {
                let ids = self.whole().call(GetAllAccountIds {}).await?.ids;
                Ok(ids.into_iter().map(|id| self.profile(id)).collect())
            }

            /// Makes a profile. It has no address before [`Profile::add_relay`].
            pub async fn add_profile(&self) -> Result<Profile<Self>, CallError> {
                Ok(self.profile(self.whole().call(AddAccount {}).await?.id))
            }

            /// Disconnects a profile and deletes everything that it has.
            pub async fn remove_profile(&self, profile: ProfileId) -> Result<(), CallError> {
                self.whole().call(RemoveAccount { account_id: profile.get() }).await.map(drop)
            }

            /// Connects all profiles that have a relay.
            pub async fn connect_all(&self) -> Result<(), CallError> {
                self.whole().call(StartIoForAllAccounts {}).await.map(drop)
            }

            /// Disconnects all profiles.
            pub async fn disconnect_all(&self) -> Result<(), CallError> {
                self.whole().call(StopIoForAllAccounts {}).await.map(drop)
            }

            /// What happens to all profiles from now on, with the profile that it happens to.
            pub async fn host_events(&self) -> Result<Events<Self>, CallError> {
                Events::of_host(self).await
            }

            fn whole(&self) -> Link<Self> {
                Link { bus: self.clone(), profile: ProfileId::PROCESS }
            }
        }
    };
}

profiles_of!(Engine);
#[cfg(feature = "grpc")]
profiles_of!(Remote);
