//! What is done to the machine: techniques, and the acts prepared from them.
//!
//! Nothing here watches or decides anything: the simulator and the detector meet only in the operating system.
