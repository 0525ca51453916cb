//! Whole-engine tests of Volary: scenarios on the embedded relay and interoperability with real servers and peers.
