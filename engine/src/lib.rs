//! Volary hosts any number of Delta Chat / chatmail profiles in one process.
