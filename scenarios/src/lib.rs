//! firstseen
