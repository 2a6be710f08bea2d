//! The kernel: 64 bytes at a step to bit masks, masks to offsets.
//!
//! Comes in: a span and where a record starts in it. Goes out: the records that it could finish, appended to
//! [`Records`], and where the first record that it could not finish starts. It only ever finishes well-formed records; it stops, and
//! never decides, at whatever else it meets. Never: faults, the last bytes of a span, records near the limit; the walk
//! in `parse` knows those.
//!
//! The hard part: whether a quote opens a field, closes one or is text is a question about all bytes before it. A block
//! is therefore first read as if every quote mattered: the running parity of the quotes tells the bytes inside from
//! those outside. Then that reading is checked, 64 bytes at once: each opening quote stands at the start of a field or
//! directly after a closing one (`""`), each closing quote is followed by a delimiter, a line end or a quote. By
//! induction over the bytes a block that passes has only one reading, this one. A block that does not pass is left
//! alone.

use super::symbol::ParseRequest;
use super::{RecordSpan, Records};

/// Bytes of a step: each has one bit in a mask.
const BLOCK_BYTES: usize = 64;

/// How masks are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kernel(Lanes);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lanes {
    /// These two are only ever made by [`Kernel::available`], on a machine that has the instructions.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Portable,
}

impl Kernel {
    /// Runs on every machine.
    pub(super) const PORTABLE: Kernel = Kernel(Lanes::Portable);

    /// All that run on this machine, the fastest first. The standard library asks the processor once.
    pub(super) fn available() -> impl Iterator<Item = Kernel> {
        #[cfg(target_arch = "x86_64")]
        let wide = {
            let basics = is_x86_feature_detected!("bmi1") && is_x86_feature_detected!("popcnt");
            let has_avx512 = is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512vbmi2");
            let has_avx2 = is_x86_feature_detected!("avx2");
            [
                (basics && has_avx512).then_some(Kernel(Lanes::Avx512)),
                (basics && has_avx2).then_some(Kernel(Lanes::Avx2)),
            ]
        };
        #[cfg(not(target_arch = "x86_64"))]
        let wide = [None; 0];
        wide.into_iter().flatten().chain([Kernel::PORTABLE])
    }

    /// The fastest on this machine.
    pub(super) fn detect() -> Kernel {
        Kernel::available().next().unwrap_or(Kernel::PORTABLE)
    }

    /// Appends the well-formed records from `start` on to `out`; returns where the first record that is not among them starts.
    pub(super) fn scan(self, input: &ParseRequest<'_>, start: usize, out: &mut Records) -> usize {
        let next = match self.0 {
            // SAFETY: `Lanes::Avx512` is only made where these features were detected.
            #[cfg(target_arch = "x86_64")]
            Lanes::Avx512 => unsafe { scan_avx512(input, start, out) },
            // SAFETY: `Lanes::Avx2` is only made where these features were detected.
            #[cfg(target_arch = "x86_64")]
            Lanes::Avx2 => unsafe { scan_avx2(input, start, out) },
            Lanes::Portable => scan_by::<Portable>(input, start, out),
        };
        out.drop_open_fields();
        next
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512bw,avx512vbmi2,bmi1,popcnt")]
fn scan_avx512(input: &ParseRequest<'_>, start: usize, out: &mut Records) -> usize {
    scan_by::<avx512::Avx512>(input, start, out)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,popcnt")]
fn scan_avx2(input: &ParseRequest<'_>, start: usize, out: &mut Records) -> usize {
    scan_by::<avx2::Avx2>(input, start, out)
}

/// A way to compare the bytes of a block.
trait Compare {
    /// A byte to compare with, in the form that suits the comparison best.
    type Needle: Copy;

    fn needle(byte: u8) -> Self::Needle;

    /// Bit `i` is set where `block[i]` is the needle.
    fn mask(block: &[u8; BLOCK_BYTES], needle: Self::Needle) -> u64;

    /// Appends `base` plus the index of each bit of `mask`, in order.
    #[inline(always)]
    fn push_offsets(mask: u64, base: u32, offsets: &mut Vec<u32>) {
        push_offsets(mask, base, offsets);
    }
}

/// What a block must know of the bytes before it.
#[derive(Clone, Copy)]
struct ScanState {
    /// All ones inside a quoted field, else zero.
    inside: u64,
    /// One if the byte before ended a field or a record, else zero.
    boundary: u64,
    /// One if it was a closing quote.
    closing: u64,
    /// One if it was a CR after a closing quote.
    closing_cr: u64,
}

impl ScanState {
    const RECORD_START: ScanState = ScanState {
        inside: 0,
        boundary: 1,
        closing: 0,
        closing_cr: 0,
    };

    /// Whether a block without quotes can be read without a look back.
    #[inline(always)]
    fn is_plain(&self) -> bool {
        self.inside | self.closing | self.closing_cr == 0
    }
}

/// The masks of a block as if every quote mattered.
struct BlockMasks {
    /// Delimiters and line ends.
    structural: u64,
    line_ends: u64,
    quotes: u64,
}

impl BlockMasks {
    /// Takes what is inside quoted fields out of the masks. `None`: not every quote matters, or one is out of place. `crs`
    /// are the CRs that may stand between a closing quote and a line end.
    #[inline(always)]
    fn without_quoted(self, crs: u64, carry: ScanState) -> Option<(BlockMasks, ScanState)> {
        let inside = prefix_xor(self.quotes) ^ carry.inside;
        let structural = self.structural & !inside;
        let opening = self.quotes & inside;
        let closing = self.quotes & !inside;
        let boundary = structural << 1 | carry.boundary;
        let after_closing = closing << 1 | carry.closing;
        let closing_crs = after_closing & crs;
        // A second CR is allowed, but rare: it stops the kernel.
        let after_closing_cr = closing_crs << 1 | carry.closing_cr;
        let misread = opening & !(boundary | after_closing)
            | after_closing & !(structural | opening | closing_crs)
            | after_closing_cr & !self.line_ends;
        let carry = ScanState {
            inside: ((inside as i64) >> 63) as u64,
            boundary: structural >> 63,
            closing: closing >> 63,
            closing_cr: closing_crs >> 63,
        };
        (misread == 0).then_some((
            BlockMasks {
                structural,
                line_ends: self.line_ends & !inside,
                ..self
            },
            carry,
        ))
    }
}

/// [`scan`], compiled for inputs with comments and for those without.
#[inline(always)]
fn scan_by<C: Compare>(input: &ParseRequest<'_>, start: usize, out: &mut Records) -> usize {
    match input.dialect.comment {
        None => scan::<C, false>(input, start, out),
        Some(_) => scan::<C, true>(input, start, out),
    }
}

#[inline(always)]
fn scan<C: Compare, const COMMENTS: bool>(input: &ParseRequest<'_>, start: usize, out: &mut Records) -> usize {
    let (delimiter, line_end) = (
        C::needle(input.dialect.delimiter.first()),
        C::needle(input.dialect.line_end),
    );
    let (quote, has_quote) = match input.dialect.quote {
        Some(quote) => (C::needle(quote), u64::MAX),
        None => (C::needle(0), 0),
    };
    let (cr, trims_cr) = (C::needle(b'\r'), input.trims_cr());
    let comment = C::needle(input.dialect.comment.unwrap_or(0));
    // One if a record starts with the block, else zero.
    let mut at_record_start = 1;
    let mut carry = ScanState::RECORD_START;
    let mut record_start = start;
    let mut at = start;
    while let Some(bytes) = input.span[at..].first_chunk::<BLOCK_BYTES>() {
        if (at + BLOCK_BYTES - 1 - record_start) as u64 > input.max_record_bytes {
            break;
        }
        let line_ends = C::mask(bytes, line_end);
        let structural = C::mask(bytes, delimiter) | line_ends;
        let quotes = C::mask(bytes, quote) & has_quote;
        let mut block = BlockMasks {
            structural,
            line_ends,
            quotes,
        };
        if quotes == 0 && carry.is_plain() {
            carry.boundary = structural >> 63;
        } else {
            let crs = if trims_cr { C::mask(bytes, cr) } else { 0 };
            let Some((outside, after)) = block.without_quoted(crs, carry) else {
                break;
            };
            out.multi_line |= line_ends != outside.line_ends;
            (block, carry) = (outside, after);
        }
        if COMMENTS {
            // What follows in the block may be read wrongly: the walk takes all of it up to the comment.
            if C::mask(bytes, comment) & (block.line_ends << 1 | at_record_start) != 0 {
                break;
            }
            at_record_start = block.line_ends >> 63;
        }
        let fields_before = out.field_ends.len();
        C::push_offsets(block.structural, at as u32, &mut out.field_ends);
        let mut line_ends = block.line_ends;
        while line_ends != 0 {
            let bit = line_ends & line_ends.wrapping_neg();
            line_ends ^= bit;
            let line_end = at + bit.trailing_zeros() as usize;
            let fields_end = fields_before + (block.structural & (bit - 1)).count_ones() as usize + 1;
            let mut end = line_end;
            if trims_cr && line_end > record_start && input.span[line_end - 1] == b'\r' {
                end = input.trim_cr(record_start, line_end);
                out.field_ends[fields_end - 1] = end as u32;
            }
            out.records.push(RecordSpan {
                start: record_start as u32,
                end: end as u32,
                fields_end: fields_end as u32,
                fault: 0,
            });
            record_start = line_end + 1;
        }
        at += BLOCK_BYTES;
    }
    record_start
}

/// Bit `i` of the result is the parity of bits `0..=i`.
#[inline(always)]
fn prefix_xor(mut mask: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        mask ^= mask << shift;
    }
    mask
}

/// [`Compare::push_offsets`] with what every machine has.
///
/// Writes eight at a time, whether or not there are that many: a loop with a foreseeable number of turns is worth more than the stores that
/// are wasted.
#[inline(always)]
fn push_offsets(mut mask: u64, base: u32, offsets: &mut Vec<u32>) {
    const BATCH: usize = 8;
    let count = mask.count_ones() as usize;
    offsets.reserve(BLOCK_BYTES);
    let length = offsets.len();
    let mut written = 0;
    while written < count {
        for slot in 0..BATCH {
            // SAFETY: `written < count <= 64` and both 64 and `written` are multiples of 8, so `written + slot < 64`,
            // and 64 elements were reserved after `length`.
            unsafe {
                offsets
                    .as_mut_ptr()
                    .add(length + written + slot)
                    .write(base + mask.trailing_zeros());
            };
            mask &= mask.wrapping_sub(1);
        }
        written += BATCH;
    }
    // SAFETY: the loop wrote at least `count` elements after `length`, within the capacity.
    unsafe { offsets.set_len(length + count) };
}

/// Eight bytes at a time in a register.
struct Portable;

impl Compare for Portable {
    type Needle = u64;

    #[inline(always)]
    fn needle(byte: u8) -> u64 {
        u64::from_ne_bytes([byte; 8])
    }

    #[inline(always)]
    fn mask(block: &[u8; BLOCK_BYTES], needle: u64) -> u64 {
        const LOW_SEVEN: u64 = 0x7f7f_7f7f_7f7f_7f7f;
        // Moves bit 8 i to bit 56 + i; no two partial products meet.
        const GATHER: u64 = 0x0102_0408_1020_4080;
        let mut mask = 0;
        for (index, word) in block.as_chunks::<8>().0.iter().enumerate() {
            let difference = u64::from_le_bytes(*word) ^ needle;
            // The top bit of each byte says whether the byte is zero. Exact: no carry leaves a byte.
            let zeros = !(((difference & LOW_SEVEN) + LOW_SEVEN) | difference | LOW_SEVEN);
            mask |= ((zeros >> 7).wrapping_mul(GATHER) >> 56) << (8 * index);
        }
        mask
    }
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    use std::arch::x86_64::{
        __m512i, _mm512_add_epi32, _mm512_alignr_epi64, _mm512_castsi512_si128, _mm512_cmpeq_epi8_mask,
        _mm512_cvtepu8_epi32, _mm512_loadu_si512, _mm512_maskz_compress_epi8, _mm512_set1_epi8, _mm512_set1_epi32,
        _mm512_storeu_si512,
    };

    use super::{BLOCK_BYTES, Compare};

    /// A block in one register. Private to the kernel, which uses it only where its instructions were detected.
    pub(super) struct Avx512;

    /// Every byte its own index.
    const INDICES: [u8; BLOCK_BYTES] = {
        let mut indices = [0; BLOCK_BYTES];
        let mut index = 0;
        while index < BLOCK_BYTES {
            indices[index] = index as u8;
            index += 1;
        }
        indices
    };

    impl Compare for Avx512 {
        type Needle = __m512i;

        #[inline(always)]
        fn needle(byte: u8) -> __m512i {
            // SAFETY: whoever reaches this, `scan_avx512` or a test, has detected AVX-512.
            unsafe { _mm512_set1_epi8(byte as i8) }
        }

        #[inline(always)]
        fn mask(block: &[u8; BLOCK_BYTES], needle: __m512i) -> u64 {
            // SAFETY: AVX-512 as above; the load is unaligned and of 64 bytes of 64.
            unsafe { _mm512_cmpeq_epi8_mask(_mm512_loadu_si512(block.as_ptr().cast()), needle) }
        }

        /// One instruction moves the indices of the bits together; sixteen at a time are written, whether or not there are that many.
        #[inline(always)]
        fn push_offsets(mask: u64, base: u32, offsets: &mut Vec<u32>) {
            const BATCH: usize = 16;
            let count = mask.count_ones() as usize;
            offsets.reserve(BLOCK_BYTES);
            let length = offsets.len();
            // SAFETY: AVX-512 with VBMI2 as above. The load is of 64 bytes of 64. Each store is of 16 elements at `length + written`
            // with `written < count <= 64` a multiple of 16, so it ends at `length + 64` at most, and 64 elements were reserved.
            // The loop wrote at least `count` of them.
            unsafe {
                let mut indices = _mm512_maskz_compress_epi8(mask, _mm512_loadu_si512(INDICES.as_ptr().cast()));
                let base = _mm512_set1_epi32(base as i32);
                let mut written = 0;
                while written < count {
                    let sixteen = _mm512_cvtepu8_epi32(_mm512_castsi512_si128(indices));
                    let to = offsets.as_mut_ptr().add(length + written);
                    _mm512_storeu_si512(to.cast(), _mm512_add_epi32(sixteen, base));
                    indices = _mm512_alignr_epi64::<2>(indices, indices);
                    written += BATCH;
                }
                offsets.set_len(length + count);
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{__m256i, _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_set1_epi8};

    use super::{BLOCK_BYTES, Compare};

    /// 32 bytes at a time. Private to the kernel, which uses it only where AVX2 was detected.
    pub(super) struct Avx2;

    impl Compare for Avx2 {
        type Needle = __m256i;

        #[inline(always)]
        fn needle(byte: u8) -> __m256i {
            // SAFETY: whoever reaches this, `scan_avx2` or a test, has detected AVX2.
            unsafe { _mm256_set1_epi8(byte as i8) }
        }

        #[inline(always)]
        fn mask(block: &[u8; BLOCK_BYTES], needle: __m256i) -> u64 {
            let [low, high] = [0, 32].map(|offset| {
                // SAFETY: AVX2 as above; the loads are unaligned and end at byte 64 of 64 at most.
                unsafe {
                    let bytes = _mm256_loadu_si256(block.as_ptr().add(offset).cast());
                    _mm256_movemask_epi8(_mm256_cmpeq_epi8(bytes, needle)) as u32
                }
            });
            u64::from(high) << 32 | u64::from(low)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mask_byte_by_byte(block: &[u8; BLOCK_BYTES], needle: u8) -> u64 {
        (0..BLOCK_BYTES).fold(0, |mask, index| mask | u64::from(block[index] == needle) << index)
    }

    proptest! {
        #[test]
        fn masks_are_those_of_a_byte_by_byte_comparison(
            bytes in prop::collection::vec(any::<u8>(), BLOCK_BYTES),
            pick: prop::sample::Index,
        ) {
            let block: &[u8; BLOCK_BYTES] = bytes[..].try_into().unwrap();
            for needle in [bytes[pick.index(BLOCK_BYTES)], 0, 0x80, 0xff, b',', b'"'] {
                let expected = mask_byte_by_byte(block, needle);
                prop_assert_eq!(Portable::mask(block, Portable::needle(needle)), expected);
                #[cfg(target_arch = "x86_64")]
                if is_x86_feature_detected!("avx2") {
                    prop_assert_eq!(avx2::Avx2::mask(block, avx2::Avx2::needle(needle)), expected);
                }
                #[cfg(target_arch = "x86_64")]
                if is_x86_feature_detected!("avx512bw") {
                    prop_assert_eq!(avx512::Avx512::mask(block, avx512::Avx512::needle(needle)), expected);
                }
            }
        }

        #[test]
        fn offsets_are_those_of_the_set_bits(mask: u64, sparse: u64, before in 0usize..100) {
            for mask in [mask, mask & sparse, mask | sparse, 0, u64::MAX, 1 << 63] {
                let expected: Vec<u32> = (0..64).filter(|bit| mask >> bit & 1 == 1).map(|bit| 1000 + bit).collect();
                let mut ways: Vec<fn(u64, u32, &mut Vec<u32>)> = vec![push_offsets];
                #[cfg(target_arch = "x86_64")]
                if is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512vbmi2") {
                    ways.push(avx512::Avx512::push_offsets);
                }
                for push_offsets in ways {
                    let mut offsets = vec![7; before];
                    push_offsets(mask, 1000, &mut offsets);
                    prop_assert_eq!(&offsets[..before], &vec![7; before][..]);
                    prop_assert_eq!(&offsets[before..], &expected[..]);
                }
            }
        }

        #[test]
        fn prefix_xor_is_a_running_parity(mask: u64) {
            for bit in 0..64 {
                let parity = (mask << (63 - bit)).count_ones() & 1;
                prop_assert_eq!(prefix_xor(mask) >> bit & 1, u64::from(parity));
            }
        }
    }
}
