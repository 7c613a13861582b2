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
const KEY: u8 = 4;
const SEALED: u8 = 5;
const OPEN: u8 = 6;
const PROVEN: u8 = 0x80;

/// An entry that was read.
#[derive(Debug)]
pub(super) enum Entry<'a> {
    Inputs(RoomDigest, JournalEntry),
    /// Inputs that are sealed with the key before them.
    Sealed(RoomDigest, JournalEntry),
    /// What remains of the sealed inputs that follow when they cannot be read.
    Open(RoomDigest, JournalEntry),
    /// The sealed key of the inputs that follow.
    Key(RoomDigest, &'a [u8]),
    /// A checkpoint, before which so many bytes were recorded.
    Checkpoint(RoomDigest, u64, &'a [u8]),
    Ended(RoomDigest),
}

/// Appends the inputs of `entry`.
pub(super) fn put_inputs(out: &mut Vec<u8>, room: RoomDigest, entry: &JournalEntry) {
    put_inputs_as(INPUTS, out, room, entry, &entry.inputs);
}

/// Appends the inputs of `entry`, which are sealed, after what remains without them.
pub(super) fn put_sealed_inputs(out: &mut Vec<u8>, room: RoomDigest, entry: &JournalEntry, sealed: &[u8]) {
    put_head(out, OPEN, room, entry.from);
    put_bytes(out, &entry.open);
    put_inputs_as(SEALED, out, room, entry, sealed);
}

/// Appends the sealed key of the inputs that follow.
pub(super) fn put_key(out: &mut Vec<u8>, room: RoomDigest, sealed: &[u8]) {
    put_head(out, KEY, room, 0);
    put_bytes(out, sealed);
}

fn put_inputs_as(kind: u8, out: &mut Vec<u8>, room: RoomDigest, entry: &JournalEntry, bytes: &[u8]) {
    let kind = kind | if entry.proof.is_some() { PROVEN } else { 0 };
    put_head(out, kind, room, entry.from);
    if let Some(Proof { tick, hash }) = entry.proof {
        out.extend(tick.0.to_le_bytes());
        out.extend(hash.to_le_bytes());
    }
    put_bytes(out, bytes);
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
    if kind == INPUTS | PROVEN || kind == SEALED | PROVEN {
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
        inputs @ (INPUTS | SEALED) => {
            let entry = JournalEntry { from, inputs: bytes.to_vec(), proof, ..JournalEntry::default() };
            Some((if inputs == INPUTS { Entry::Inputs(room, entry) } else { Entry::Sealed(room, entry) }, rest))
        }
        OPEN if kind == OPEN => {
            let entry = JournalEntry { from, inputs: bytes.to_vec(), ..JournalEntry::default() };
            Some((Entry::Open(room, entry), rest))
        }
        KEY if kind == KEY => Some((Entry::Key(room, bytes), rest)),
        CHECKPOINT if kind == CHECKPOINT => Some((Entry::Checkpoint(room, from, bytes), rest)),
        _ => None,
    }
}
