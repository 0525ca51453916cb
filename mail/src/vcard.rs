//! vCards.
