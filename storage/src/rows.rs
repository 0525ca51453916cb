//! The one B-tree in the file that holds the rows of all tables.

use redb::TableDefinition;

/// Rows by table tag and key.
pub(crate) const ROWS: TableDefinition<'static, &'static [u8], &'static [u8]> = TableDefinition::new("rows");
