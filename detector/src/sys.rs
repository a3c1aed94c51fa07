//! The only unsafe code of this crate: the few system calls that no safe wrapper covers.
