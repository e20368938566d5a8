//! Integer quota levels: how much is left, and when there will be enough.
