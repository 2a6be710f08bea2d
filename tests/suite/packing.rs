//! Packers for tests: each gives what common tools write, or what they could write.

use std::io::Write;

/// What packs bytes.
pub type Pack = fn(&[u8]) -> Vec<u8>;

/// One gzip member.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

/// Parts of `bytes`, packed one by one, empty ones among them.
fn in_parts(bytes: &[u8], pack: Pack) -> Vec<u8> {
    let part_bytes = bytes.len() / 7 + 1;
    let mut packed = pack(b"");
    for part in bytes.chunks(part_bytes) {
        packed.extend(pack(part));
        packed.extend(pack(b""));
    }
    packed
}

/// Many gzip members, and zeros at the end.
pub fn gzip_members(bytes: &[u8]) -> Vec<u8> {
    let mut packed = in_parts(bytes, gzip);
    packed.extend([0; 700]);
    packed
}

/// A member as bgzip writes it: its size is in its header.
fn bgzf_block(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::new(6));
    packer.write_all(bytes).unwrap();
    let deflated = packer.finish().unwrap();
    let mut block = b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\x06\0BC\x02\0".to_vec();
    let size = u16::try_from(block.len() + 2 + deflated.len() + 8 - 1).unwrap();
    block.extend(size.to_le_bytes());
    block.extend(deflated);
    block.extend(crc32(bytes).to_le_bytes());
    block.extend((bytes.len() as u32).to_le_bytes());
    block
}

/// Blocked gzip with blocks of a few bytes, so that records cross their ends, and the mark at its end.
pub fn bgzf(bytes: &[u8]) -> Vec<u8> {
    let block_bytes = (bytes.len() / 50).clamp(5, 60_000);
    let mut packed: Vec<u8> = bytes.chunks(block_bytes).flat_map(bgzf_block).collect();
    packed.extend(bgzf_block(b""));
    packed
}

/// One zstd frame with its checksum.
pub fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut packer = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
    packer.include_checksum(true).unwrap();
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

/// A frame that holds nothing.
const SKIPPABLE: &[u8] = b"\x5A\x2A\x4D\x18\x03\0\0\0abc";

/// Many zstd frames, with frames that hold nothing before, between and after.
pub fn zstd_frames(bytes: &[u8]) -> Vec<u8> {
    [SKIPPABLE, &in_parts(bytes, |part| [&zstd(part), SKIPPABLE].concat())].concat()
}

/// One xz stream.
pub fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut packer = liblzma::write::XzEncoder::new(Vec::new(), 3);
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

/// Many xz streams, and padding.
pub fn xz_streams(bytes: &[u8]) -> Vec<u8> {
    let mut packed = in_parts(bytes, xz);
    packed.extend([0; 8]);
    packed
}

/// One bzip2 stream.
pub fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut packer = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::new(1));
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

/// Many bzip2 streams.
pub fn bzip2_streams(bytes: &[u8]) -> Vec<u8> {
    in_parts(bytes, bzip2)
}

/// One lz4 frame with checksums of blocks and content.
pub fn lz4(bytes: &[u8]) -> Vec<u8> {
    let info = lz4_flex::frame::FrameInfo::new()
        .block_size(lz4_flex::frame::BlockSize::Max64KB)
        .block_mode(lz4_flex::frame::BlockMode::Linked)
        .block_checksums(true)
        .content_checksum(true);
    let mut packer = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

/// Many lz4 frames, with frames that hold nothing before, between and after.
pub fn lz4_frames(bytes: &[u8]) -> Vec<u8> {
    [SKIPPABLE, &in_parts(bytes, |part| [&lz4(part), SKIPPABLE].concat())].concat()
}

/// A member of an archive.
pub struct ZipMember<'a> {
    pub name: &'a str,
    pub bytes: &'a [u8],
    /// 0: stored, 8: deflated; others are not made, only named.
    pub method: u16,
    pub flags: u16,
    /// With sizes of 64 bits.
    pub is_large: bool,
}

impl<'a> ZipMember<'a> {
    pub fn deflated(name: &'a str, bytes: &'a [u8]) -> Self {
        ZipMember {
            name,
            bytes,
            method: 8,
            flags: 0,
            is_large: false,
        }
    }
}

/// An archive of these members.
pub fn zip_of(members: &[ZipMember<'_>]) -> Vec<u8> {
    let mut archive = Vec::new();
    let mut contents = Vec::new();
    for member in members {
        let data = match member.method {
            8 => {
                let mut packer = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::new(6));
                packer.write_all(member.bytes).unwrap();
                packer.finish().unwrap()
            }
            _ => member.bytes.to_vec(),
        };
        let (packed, unpacked) = (data.len() as u64, member.bytes.len() as u64);
        let mut extra = Vec::new();
        if member.is_large {
            extra.extend(b"\x01\0\x10\0");
            extra.extend(unpacked.to_le_bytes());
            extra.extend(packed.to_le_bytes());
        }
        let size = |bytes: u64| if member.is_large { u32::MAX } else { bytes as u32 };
        let mut common = Vec::new();
        common.extend(45u16.to_le_bytes());
        common.extend(member.flags.to_le_bytes());
        common.extend(member.method.to_le_bytes());
        common.extend([0, 0, 0x21, 0]);
        common.extend(crc32(member.bytes).to_le_bytes());
        common.extend(size(packed).to_le_bytes());
        common.extend(size(unpacked).to_le_bytes());
        common.extend((member.name.len() as u16).to_le_bytes());
        common.extend((extra.len() as u16).to_le_bytes());
        contents.extend(b"PK\x01\x02\x2d\x03");
        contents.extend(&common);
        contents.extend([0; 10]);
        contents.extend([0; 2]);
        contents.truncate(contents.len() - 2);
        contents.extend((archive.len() as u32).to_le_bytes());
        contents.extend(member.name.as_bytes());
        contents.extend(&extra);
        archive.extend(b"PK\x03\x04");
        archive.extend(&common);
        archive.extend(member.name.as_bytes());
        archive.extend(&extra);
        archive.extend(&data);
    }
    let start = archive.len() as u32;
    let count = (members.len() as u16).to_le_bytes();
    archive.extend(&contents);
    archive.extend(b"PK\x05\x06\0\0\0\0");
    archive.extend(count);
    archive.extend(count);
    archive.extend((contents.len() as u32).to_le_bytes());
    archive.extend(start.to_le_bytes());
    archive.extend([0, 0]);
    archive
}

/// An archive with one file, deflated.
pub fn zip(bytes: &[u8]) -> Vec<u8> {
    zip_of(&[ZipMember::deflated("data/in.csv", bytes)])
}

/// An archive with one CSV file, stored, with large sizes, among others.
pub fn zip_stored(bytes: &[u8]) -> Vec<u8> {
    let csv = ZipMember {
        method: 0,
        is_large: true,
        ..ZipMember::deflated("in.CSV", bytes)
    };
    zip_of(&[
        ZipMember::deflated("README.txt", b"a\n1\n"),
        csv,
        ZipMember::deflated("__MACOSX/._in.csv", b"\0\x05\x16\x07"),
        ZipMember::deflated(".hidden.csv", b"x\n"),
    ])
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}
