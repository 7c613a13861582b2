//! Cosines as integers. Platforms disagree about the last bits of a cosine; a table of constants is the same in every
//! language.
//!
//! Directions here are in 65536ths of a turn, whatever the width of the field that holds them.

/// The value that stands for a cosine of 1.
pub const ONE: i32 = 1 << 14;

/// A quarter of the cosine curve, rounded to the nearest integers.
const QUARTER: [i32; 65] = [
    16384, 16379, 16364, 16340, 16305, 16261, 16207, 16143, 16069, 15986, 15893, 15791, 15679, 15557, 15426, 15286,
    15137, 14978, 14811, 14635, 14449, 14256, 14053, 13842, 13623, 13395, 13160, 12916, 12665, 12406, 12140, 11866,
    11585, 11297, 11003, 10702, 10394, 10080, 9760, 9434, 9102, 8765, 8423, 8076, 7723, 7366, 7005, 6639, 6270, 5897,
    5520, 5139, 4756, 4370, 3981, 3590, 3196, 2801, 2404, 2006, 1606, 1205, 804, 402, 0,
];

const COSINE: [i32; 257] = {
    let mut table = [0; 257];
    let mut heading = 0;
    while heading <= 256 {
        table[heading] = match heading {
            0..=64 => QUARTER[heading],
            65..=128 => -QUARTER[128 - heading],
            129..=192 => -QUARTER[heading - 128],
            _ => QUARTER[256 - heading],
        };
        heading += 1;
    }
    table
};

/// The cosine of `part` (65536ths of a turn, modulo a turn) in units of 1/[`ONE`]; linear between the 256 directions of
/// the table.
pub fn cosine(part: i32) -> i32 {
    let (index, rest) = ((part >> 8 & 255) as usize, part & 255);
    (COSINE[index] * (256 - rest) + COSINE[index + 1] * rest) >> 8
}
