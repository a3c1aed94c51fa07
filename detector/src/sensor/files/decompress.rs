//! gzip and zstd, told from plain bytes by their first bytes; several compressed pieces one behind the other are one file.

use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// The content of a file, decompressed if need be.
pub(super) fn decompressed(reader: impl Read + 'static) -> Result<Box<dyn Read>> {
    let mut reader = BufReader::with_capacity(1 << 18, reader);
    let start = reader.fill_buf()?;
    Ok(if start.starts_with(&[0x1f, 0x8b]) {
        Box::new(MultiGzDecoder::new(reader))
    } else if is_zstd(start) {
        Box::new(Zstd { reader, frame: FrameDecoder::new(), failure: None })
    } else {
        Box::new(reader)
    })
}

/// A frame of data (RFC 8878, 3.1.1) or a skippable one (3.1.2).
fn is_zstd(start: &[u8]) -> bool {
    start.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) || matches!(start, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

/// All frames of a zstd file.
struct Zstd<R> {
    reader: R,
    frame: FrameDecoder,
    /// What went wrong, kept back until all that was decoded before has been given out.
    failure: Option<Error>,
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        loop {
            if self.frame.can_collect() > 0 || out.is_empty() {
                return self.frame.read(out);
            }
            if let Some(failure) = self.failure.take() {
                return Err(failure);
            }
            let step = if self.frame.is_finished() { self.next_frame() } else { self.next_block() };
            match step {
                Ok(Step::More) => {}
                Ok(Step::End) => return Ok(0),
                Err(failure) => {
                    self.failure = Some(failure);
                    self.release();
                }
            }
        }
    }
}

enum Step {
    More,
    End,
}

impl<R: BufRead> Zstd<R> {
    fn next_frame(&mut self) -> Result<Step> {
        if let (Some(stored), Some(computed)) =
            (self.frame.get_checksum_from_data(), self.frame.get_calculated_checksum())
            && stored != computed
        {
            return Err(Error::new(ErrorKind::InvalidData, "the checksum of a zstd frame does not match"));
        }
        if self.reader.fill_buf()?.is_empty() {
            return Ok(Step::End);
        }
        if let [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] = self.reader.fill_buf()? {
            let mut header = [0; 8];
            self.reader.read_exact(&mut header)?;
            let length = u64::from(u32::from_le_bytes([header[4], header[5], header[6], header[7]]));
            let skipped = std::io::copy(&mut self.reader.by_ref().take(length), &mut std::io::sink())?;
            return if skipped == length { Ok(Step::More) } else { Err(ErrorKind::UnexpectedEof.into()) };
        }
        self.frame.reset(&mut self.reader).map_err(|error| Error::new(ErrorKind::InvalidData, error))?;
        Ok(Step::More)
    }

    fn next_block(&mut self) -> Result<Step> {
        let at_end = self.reader.fill_buf()?.is_empty();
        match self.frame.decode_blocks(&mut self.reader, BlockDecodingStrategy::UptoBlocks(1)) {
            Ok(_) => Ok(Step::More),
            Err(_) if at_end || self.reader.fill_buf()?.is_empty() => {
                Err(Error::new(ErrorKind::UnexpectedEof, "the zstd frame is cut off"))
            }
            Err(error) => Err(Error::new(ErrorKind::InvalidData, error)),
        }
    }

    /// A decoder holds back as much as later blocks may refer to. When none will come, an empty last block (and the four
    /// bytes of a checksum) makes it give out the rest.
    fn release(&mut self) {
        if !self.frame.is_finished() {
            let empty_last_block: &[u8] = &[1, 0, 0, 0, 0, 0, 0];
            // A frame that cannot even take this has nothing left to give.
            let _ = self.frame.decode_blocks(empty_last_block, BlockDecodingStrategy::UptoBlocks(1));
        }
    }
}
