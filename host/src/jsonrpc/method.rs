//! What a method is: a name, parameters by position, and the request of the schema it stands for.

use std::{collections::BTreeMap, marker::PhantomData};

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use volary_proto::{Call, Message, Request};

use super::frame::{Failure, INVALID_PARAMS, PARSE_ERROR, Params};

/// One method of the interface.
pub(super) struct Method {
    /// Its name on the wire.
    pub(super) name: &'static str,
    /// What it is for.
    pub(super) summary: &'static str,
    /// Parameters in order.
    pub(super) params: &'static [Param],
    /// JSON schema of the result.
    pub(super) result: fn() -> Value,
    /// Decodes as many parameters as there are in `params`.
    pub(super) decode: fn(&mut Arguments) -> Result<Action, Failure>,
}

/// One parameter.
pub(super) struct Param {
    /// Its name, which matters to readers only.
    pub(super) name: &'static str,
    /// Its JSON schema.
    pub(super) schema: fn() -> Value,
}

/// What a call asks for.
#[derive(Debug, PartialEq)]
pub(super) enum Action {
    /// A request to the engine; its answer is the result.
    Call(Request),
    /// A request that is answered with a message id, which is then shown: the result is `[id, message]`.
    CallAndShow(Request),
    /// Nothing, but not before so many seconds have passed.
    Sleep(f64),
    /// The next event.
    NextEvent,
    /// The events that are there, at least one.
    NextEvents,
}

impl Method {
    /// Turns the parameters into what is asked for.
    pub(super) fn action(&self, params: Params) -> Result<Action, Failure> {
        let Params::List(params) = params else {
            return Err(Failure::new(PARSE_ERROR, "invalid type: map, expected a sequence"));
        };
        let count = self.params.len();
        if params.len() != count {
            return Err(Failure::new(
                INVALID_PARAMS,
                format!("This method takes an array of {count} arguments"),
            ));
        }
        (self.decode)(&mut Arguments { rest: params.into_iter() })
    }
}

/// Parameters that are not decoded yet.
pub(super) struct Arguments {
    rest: std::vec::IntoIter<Value>,
}

impl Arguments {
    /// Decodes the next parameter, strictly.
    pub(super) fn take<T: DeserializeOwned>(&mut self) -> Result<T, Failure> {
        let value = self.rest.next().unwrap_or_default();
        serde_json::from_value(value).map_err(|error| Failure::new(PARSE_ERROR, error.to_string()))
    }
}

/// An action whose result has the shape `R`.
pub(super) struct Typed<R> {
    pub(super) action: Action,
    result: PhantomData<fn() -> R>,
}

impl<R> Typed<R> {
    pub(super) fn new(action: Action) -> Self {
        Self { action, result: PhantomData }
    }
}

/// A call to a profile.
pub(super) fn to<C: Call>(profile_id: u32, call: C) -> Typed<C::Answer> {
    Typed::new(Action::Call(Request::new(profile_id, call)))
}

/// A call to the process as a whole.
pub(super) fn process<C: Call>(call: C) -> Typed<C::Answer> {
    to(0, call)
}

/// Makes a table of methods. Each line is the signature of a method and the request it stands for.
macro_rules! methods {
    ($(
        #[doc = $summary:literal]
        $name:ident($($param:ident: $shape:ty),*) -> $result:ty = $action:expr;
    )*) => {
        pub(in crate::jsonrpc) const METHODS: &[$crate::jsonrpc::method::Method] = &[$(
            $crate::jsonrpc::method::Method {
                name: stringify!($name),
                summary: $summary,
                params: &[$(
                    $crate::jsonrpc::method::Param {
                        name: stringify!($param),
                        schema: <$shape as $crate::jsonrpc::method::Shape>::schema,
                    },
                )*],
                result: <$result as $crate::jsonrpc::method::Shape>::schema,
                decode: |_arguments| {
                    $(let $param: $shape = _arguments.take()?;)*
                    let typed: $crate::jsonrpc::method::Typed<$result> = $action;
                    Ok(typed.action)
                },
            },
        )*];
    };
}
pub(super) use methods;

/// Something with a JSON schema.
pub(super) trait Shape {
    /// The schema.
    fn schema() -> Value;
}

macro_rules! shapes {
    ($($shape:ty = $schema:expr;)*) => {
        $(
            impl Shape for $shape {
                fn schema() -> Value {
                    $schema
                }
            }
        )*
    };
}

shapes! {
    u8 = json!({"type": "integer", "format": "uint8", "minimum": 0, "maximum": 255});
    u32 = json!({"type": "integer", "format": "uint32", "minimum": 0});
    i64 = json!({"type": "integer", "format": "int64"});
    f64 = json!({"type": "number", "format": "double"});
    bool = json!({"type": "boolean"});
    String = json!({"type": "string"});
    (f64, f64) = json!({"type": "array", "items": [f64::schema(), f64::schema()], "minItems": 2, "maxItems": 2});
    (u32, Message) = json!({"type": "array", "items": [u32::schema(), Message::schema()], "minItems": 2, "maxItems": 2});
}

impl<T: Shape> Shape for Option<T> {
    fn schema() -> Value {
        json!({"anyOf": [T::schema(), {"type": "null"}]})
    }
}

impl<T: Shape> Shape for Vec<T> {
    fn schema() -> Value {
        json!({"type": "array", "items": T::schema()})
    }
}

impl<K, T: Shape> Shape for BTreeMap<K, T> {
    fn schema() -> Value {
        json!({"type": "object", "additionalProperties": T::schema()})
    }
}

macro_rules! named_shapes {
    ($($name:ident),* $(,)?) => {
        $(
            impl Shape for volary_proto::$name {
                fn schema() -> Value {
                    json!({"$ref": concat!("#/components/schemas/", stringify!($name))})
                }
            }
        )*
    };
}

named_shapes! {
    Account, Accounts, BasicChat, Blob, CallInfo, ChatListItems, ChatVisibility, ConfigValues, Contact, ContactMap,
    Contacts, Done, EnteredLoginParam, Event, Flag, FullChat, HttpResponse, Id, Ids, Locations, MaybeAppSource, MaybeId,
    MaybeMessage, MaybeReactions, MaybeText, Message, MessageData, MessageInfo, MessageListItems, MessageLoadResults,
    MessageNotificationInfo, MessageReadReceipts, MessageSearchResults, MuteDuration, Number, Qr, SecurejoinSource,
    SecurejoinUiPath, Text, TextLists, TextMap, Texts, Transports, VcardContacts, WebxdcMessageInfo,
}

impl Shape for volary_proto::ViewType {
    fn schema() -> Value {
        json!({"$ref": "#/components/schemas/Viewtype"})
    }
}
