//! The durable state of Volary: typed redb tables, one group-committing writer, snapshots, blob files.
