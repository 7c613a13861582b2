//! Other encodings of the same rows, for comparison: plain numbers, deltas of plain numbers, and compressed forms.
//!
//! All of these are counted favourably: values only, without ids, presence or a surrounding message. The compressors keep
//! their window from tick to tick, as a connection with permessage-deflate does.

use flate2::{Compress, Compression, FlushCompress, Status};
use zstd::stream::raw::{Encoder, Operation, OutBuffer};

use super::clip::{Clip, Sample};
use super::replay::{Column, Quanta};
use super::report::Row;
use tickwire::id::EntityId;

/// A flush of deflate ends with four bytes that permessage-deflate leaves out.
const DEFLATE_TAIL: usize = 4;
/// The usual level of servers that compress on the fly.
const ZSTD_LEVEL: i32 = 3;

/// Names and sizes of the encodings, from the simplest on.
pub(super) fn beside(clip: &Clip, ticks: &[Vec<Quanta>], columns: &[Column]) -> Vec<Row> {
    let fields = columns.len();
    let bits: usize = columns.iter().map(|column| column.bits() as usize).sum();
    let mut rows = vec![
        Row::named("float32"),
        Row::named("16-bit quantised"),
        Row::named("bits of the range"),
        Row::named("varint differences"),
        Row::named("float32, deflate"),
        Row::named("float32, zstd"),
    ];
    let (mut deflate, mut zstd) = (Deflate::new(), Zstd::new());
    let mut before: &[Quanta] = &[];
    for (number, (frame, tick)) in clip.frames.iter().zip(ticks).enumerate() {
        let count = tick.len();
        let raw = raw(frame);
        let sizes = [
            4 * fields * count,
            2 * fields * count,
            (bits * count).div_ceil(8),
            differences(before, tick),
            deflate.size(&raw),
            zstd.size(&raw),
        ];
        before = tick;
        // As with the coder, the first tick is left out: all entities arrive in it.
        if number > 0 {
            rows.iter_mut().zip(sizes).for_each(|(row, size)| row.add(size, count.max(1) as f64));
        }
    }
    rows.iter_mut().for_each(Row::finish);
    rows
}

fn raw(frame: &[Sample]) -> Vec<u8> {
    frame.iter().flat_map(|sample| &sample.values).flat_map(|value| (*value as f32).to_le_bytes()).collect()
}

/// Bytes of the differences to the previous tick as zigzag varints; for a new entity, bytes of its values.
fn differences(before: &[Quanta], tick: &[Quanta]) -> usize {
    let old = |id: EntityId| before.binary_search_by_key(&id, |(id, _)| *id).ok().map(|index| &before[index].1);
    let size = |(id, values): &Quanta| -> usize {
        let old = old(*id);
        let difference = |(index, value): (usize, &i32)| varint(value.wrapping_sub(old.map_or(0, |old| old[index])));
        values.iter().enumerate().map(difference).sum()
    };
    tick.iter().map(size).sum()
}

fn varint(difference: i32) -> usize {
    let zigzag = (difference << 1 ^ difference >> 31).cast_unsigned();
    (u32::BITS - zigzag.leading_zeros()).div_ceil(7).max(1) as usize
}

struct Deflate {
    stream: Compress,
    out: Vec<u8>,
}

impl Deflate {
    fn new() -> Self {
        Self { stream: Compress::new(Compression::best(), false), out: vec![0; 1 << 16] }
    }

    /// Bytes that `raw` adds to the stream.
    fn size(&mut self, raw: &[u8]) -> usize {
        let (start, mut taken) = (self.stream.total_out(), self.stream.total_in());
        let end = taken + raw.len() as u64;
        loop {
            let rest = &raw[raw.len() - (end - taken) as usize..];
            let status = self.stream.compress(rest, &mut self.out, FlushCompress::Sync);
            taken = self.stream.total_in();
            let written = self.stream.total_out() - start;
            let full = written > 0 && written.is_multiple_of(self.out.len() as u64);
            if !matches!(status, Ok(Status::Ok)) || (taken == end && !full) {
                return (written as usize).saturating_sub(DEFLATE_TAIL);
            }
        }
    }
}

struct Zstd {
    /// `None` if the library cannot start, which happens only without memory.
    stream: Option<Encoder<'static>>,
    out: Vec<u8>,
}

impl Zstd {
    fn new() -> Self {
        Self { stream: Encoder::new(ZSTD_LEVEL).ok(), out: vec![0; 1 << 16] }
    }

    /// Bytes that `raw` adds to the stream.
    fn size(&mut self, raw: &[u8]) -> usize {
        let Some(stream) = &mut self.stream else { return 0 };
        let (mut taken, mut written) = (0, 0);
        while taken < raw.len() {
            match stream.run_on_buffers(&raw[taken..], &mut self.out) {
                Ok(status) => (taken, written) = (taken + status.bytes_read, written + status.bytes_written),
                Err(_) => return written,
            }
        }
        loop {
            let mut out = OutBuffer::around(&mut self.out[..]);
            let left = stream.flush(&mut out);
            written += out.pos();
            if !matches!(left, Ok(1..)) {
                return written;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand_pcg::Pcg32;
    use rand_pcg::rand_core::Rng;

    use super::*;

    #[test]
    fn varints_grow_with_the_difference() {
        assert_eq!([0, 63, -64, 64, 8191, -8193, i32::MIN].map(varint), [1, 1, 1, 2, 2, 3, 5]);
    }

    #[test]
    fn streams_are_counted_whole_and_keep_their_window() {
        let mut random = Pcg32::new(1, 1);
        let noise: Vec<u8> = (0..300_000).map(|_| random.next_u32() as u8).collect();
        let (mut deflate, mut zstd) = (Deflate::new(), Zstd::new());
        assert!((299_000..301_000).contains(&deflate.size(&noise)));
        assert!((299_000..301_000).contains(&zstd.size(&noise)));
        let recent = &noise[290_000..];
        assert!(deflate.size(recent) < 500 && zstd.size(recent) < 500);
    }
}
