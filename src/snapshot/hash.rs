//! The fingerprint of a zone: MurmurHash3's 32-bit word mixing (Austin Appleby, public domain) over the integers of the
//! rows. Not cryptographic: it detects desyncs but does not stop forgers.

use super::zone::Zone;

const SEED: u32 = 0x7469_636b;

/// Mixes, per kind in id order, the kind's index and its number of rows; then, per row, the id and every cell. The
/// number of words mixed goes into the finaliser.
pub(super) fn zone_hash(zone: &Zone) -> u32 {
    let mut mixer = Mixer { state: SEED, words: 0 };
    for (kind, table) in zone.tables.iter().enumerate() {
        mixer.add(kind as u32);
        mixer.add(table.ids.len() as u32);
        let stride = table.cells.len().checked_div(table.ids.len()).unwrap_or(0);
        for (index, id) in table.ids.iter().enumerate() {
            mixer.add(id.0);
            for cell in table.row(index, stride) {
                mixer.add(cell.cast_unsigned());
            }
        }
    }
    mixer.finish()
}

struct Mixer {
    state: u32,
    words: u32,
}

impl Mixer {
    fn add(&mut self, word: u32) {
        let word = word.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
        self.state = (self.state ^ word).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
        self.words = self.words.wrapping_add(1);
    }

    fn finish(self) -> u32 {
        let mut hash = self.state ^ self.words.wrapping_mul(4);
        hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
        hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
        hash ^ (hash >> 16)
    }
}
