use crate::args::{DetectArgs, Global};
use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::output::Output;
pub(crate) fn run(_a: &DetectArgs, _g: Global, _o: &mut Output) -> Result<Exit, Failure> {
    Ok(Exit::Internal)
}
