//! Scannable codes and invite links.
