//! What actors and frontends of Volary say to each other: the protobuf package `volary.v1`.
