//! Micro-benchmarks, stress harness and side-by-side runs of Volary.
//!
//! | where | what |
//! |---|---|
//! | [`stress`] | many profiles that talk, on the embedded relay: is every message there exactly once and in order, and what does it cost |
//! | `benches/` | the pure parts alone, with Criterion: `cargo bench --profile dist -p volary-bench` |
//! | `compare` | Volary and the released chatmail core side by side, on Dovecot and Postfix (Python) |
//! | `memory` | where the memory of idle profiles goes (Python, heaptrack) |
//! | `short` | short forms of the first and third, for `tests/run` |
//! | `rpc.py` | what the Python programs share: a JSON-RPC server as a process, profiles in it |
//!
//! `docs/performance.md` tells what they measured and how to repeat it.

pub mod stress;
