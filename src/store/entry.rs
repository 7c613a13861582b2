//! The entries of a journal as bytes.

use sha2::{Digest, Sha256};

use crate::engine::{JournalEntry, Proof};
use crate::tick::Tick;

/// Names a room in files. The id of a private room admits whoever knows it, and files are copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoomDigest(pub [u8; 16]);

impl RoomDigest {
    /// The digest of a room's id.
    pub fn of(id: &str) -> Self {
        let digest: [u8; 32] = Sha256::digest(id.as_bytes()).into();
        Self(*digest.first_chunk().expect("a digest is longer"))
    }
}

const INPUTS: u8 = 1;
const CHECKPOINT: u8 = 2;
const ENDED: u8 = 3;
const PROVEN: u8 = 0x80;

/// An entry that was read.
#[derive(Debug)]
pub(super) enum Entry<'a> {
    Inputs(RoomDigest, JournalEntry),
    /// A checkpoint, before which so many bytes were recorded.
    Checkpoint(RoomDigest, u64, &'a [u8]),
    Ended(RoomDigest),
}

/// Appends the inputs of `entry`.
pub(super) fn put_inputs(out: &mut Vec<u8>, room: RoomDigest, entry: &JournalEntry) {
    let kind = INPUTS | if entry.proof.is_some() { PROVEN } else { 0 };
    put_head(out, kind, room, entry.from);
    if let Some(Proof { tick, hash }) = entry.proof {
        out.extend(tick.0.to_le_bytes());
        out.extend(hash.to_le_bytes());
    }
    put_bytes(out, &entry.inputs);
}

/// Appends an encoded checkpoint, before which `from` bytes were recorded.
pub(super) fn put_checkpoint(out: &mut Vec<u8>, room: RoomDigest, from: u64, checkpoint: &[u8]) {
    put_head(out, CHECKPOINT, room, from);
    put_bytes(out, checkpoint);
}

/// Appends the end of a room.
pub(super) fn put_end(out: &mut Vec<u8>, room: RoomDigest) {
    put_head(out, ENDED, room, 0);
}

fn put_head(out: &mut Vec<u8>, kind: u8, room: RoomDigest, from: u64) {
    out.push(kind);
    out.extend(room.0);
    out.extend(from.to_le_bytes());
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend((bytes.len() as u32).to_le_bytes());
    out.extend(bytes);
}

/// The entries of a batch; `None` when these are none.
pub(super) fn entries(mut batch: &[u8]) -> Option<Vec<Entry<'_>>> {
    let mut found = Vec::new();
    while !batch.is_empty() {
        let (entry, rest) = split(batch)?;
        found.push(entry);
        batch = rest;
    }
    Some(found)
}

fn split(batch: &[u8]) -> Option<(Entry<'_>, &[u8])> {
    let (&kind, rest) = batch.split_first()?;
    let (room, rest) = rest.split_first_chunk()?;
    let (from, mut rest) = rest.split_first_chunk()?;
    let (room, from) = (RoomDigest(*room), u64::from_le_bytes(*from));
    let mut proof = None;
    if kind == INPUTS | PROVEN {
        let (tick, after) = rest.split_first_chunk()?;
        let (hash, after) = after.split_first_chunk()?;
        proof = Some(Proof { tick: Tick(u32::from_le_bytes(*tick)), hash: u32::from_le_bytes(*hash) });
        rest = after;
    }
    if kind == ENDED {
        return Some((Entry::Ended(room), rest));
    }
    let (length, rest) = rest.split_first_chunk()?;
    let (bytes, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    match kind & !PROVEN {
        INPUTS => {
            let entry = JournalEntry { from, inputs: bytes.to_vec(), checkpoint: None, proof };
            Some((Entry::Inputs(room, entry), rest))
        }
        CHECKPOINT if kind == CHECKPOINT => Some((Entry::Checkpoint(room, from, bytes), rest)),
        _ => None,
    }
}
