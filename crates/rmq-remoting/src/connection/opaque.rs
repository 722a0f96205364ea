//! Opaques: the numbers that pair answers with requests.
//!
//! That of an awaited request is the generation and the index of its slot. All have ten digits whatever they are, so that answers are as long
//! as those before.

/// The opaque of the first slot in its first generation.
pub(super) const FIRST: i32 = 1_000_000_000;
/// 65,536 requests in flight beside as many orphans.
const INDEX_BITS: u32 = 17;
const INDEX_MASK: i32 = (1 << INDEX_BITS) - 1;
/// All that ten digits have room for.
const GENERATION_MASK: i32 = (1 << (30 - INDEX_BITS)) - 1;
/// Above those of all slots.
pub(super) const FIRST_ONEWAY: i32 = FIRST + (1 << 30);

/// The largest index that a slot may have.
pub(super) const LAST_INDEX: u32 = INDEX_MASK.unsigned_abs();

/// The generation of a slot that is taken again.
#[inline(always)]
pub(super) fn next_generation(last: i32) -> i32 {
    (last + 1) & GENERATION_MASK
}

/// The opaque of a slot with this generation and index.
#[inline(always)]
pub(super) fn of_slot(generation: i32, index: u32) -> i32 {
    let low = i32::try_from(index).unwrap_or(INDEX_MASK);
    FIRST + ((generation << INDEX_BITS) | low)
}

/// Generation and index of the slot with this opaque. What is below the first one or above the last one has no generation that a slot has.
#[inline(always)]
pub(super) fn slot_of(opaque: i32) -> (i32, u32) {
    let number = opaque.wrapping_sub(FIRST);
    (number >> INDEX_BITS, (number & INDEX_MASK).unsigned_abs())
}

/// The opaque of a oneway request, after that of the one before: no slot ever has one like it, so a stray answer meets nobody.
pub(super) fn next_oneway(last: i32) -> i32 {
    last.checked_add(1).unwrap_or(FIRST_ONEWAY).max(FIRST_ONEWAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oneway_opaques_begin_again_behind_those_of_slots() {
        assert_eq!([0, FIRST_ONEWAY, i32::MAX].map(next_oneway), [FIRST_ONEWAY, FIRST_ONEWAY + 1, FIRST_ONEWAY]);
        let digits = |opaque: i32| opaque.to_string().len();
        assert_eq!([FIRST, FIRST_ONEWAY, i32::MAX].map(digits), [10; 3]);
    }
}
