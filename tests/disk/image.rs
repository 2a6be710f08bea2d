//! What a disk holds after a power cut, worked out from the record of what was done to it.
//!
//! The rules are those of POSIX, not of a kind file system: until a file is synced any of its writes and cuts may be lost, whatever
//! their order, and a write may be torn at every sector; until the folder is synced any new, renamed or deleted name may be lost,
//! also that of a file whose bytes were synced. What a file gained in length without its bytes reads as zeros or as rubbish.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::calls::{Call, Event};
use super::data::Numbers;

/// Bytes that reach the disk together.
const SECTOR_BYTES: usize = 512;

/// The files of a folder by name.
pub type Image = BTreeMap<String, Vec<u8>>;

/// A disk while the record is played to it.
#[derive(Debug, Clone, Default)]
pub struct Disk {
    files: BTreeMap<usize, File>,
    names: BTreeMap<String, usize>,
    unsynced_names: Vec<Name>,
}

#[derive(Debug, Clone, Default)]
struct File {
    synced: Vec<u8>,
    unsynced: Vec<(Change, usize)>,
}

#[derive(Debug, Clone)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Cut { length: usize },
}

#[derive(Debug, Clone)]
enum Name {
    New { name: String, file: usize },
    Gone { name: String },
    Moved { from: String, to: String, file: usize },
}

impl Name {
    /// A name that the change is about; a file is only ever moved within its folder.
    fn is(&self) -> &str {
        match self {
            Name::New { name, .. } | Name::Gone { name } => name,
            Name::Moved { to, .. } => to,
        }
    }
}

fn folder_of(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// How much of what was not synced survives a power cut.
#[derive(Debug, Clone)]
pub struct Loss {
    numbers: Numbers,
    /// Chances in percent, of a write or a name, of each sector of a write that is torn, and that a write is torn.
    keep: u64,
    keep_sector: u64,
    tear: u64,
    rubbish: bool,
}

impl Loss {
    pub fn seeded(seed: u64) -> Loss {
        let mut numbers = Numbers(seed);
        // Half of the cuts at the extremes, where one file is lost whole and another survives whole.
        let keep = [0, 100, 50, 10, 90, 50][numbers.below(6) as usize];
        Loss {
            keep,
            keep_sector: [0, 50, 90][numbers.below(3) as usize],
            tear: [0, 30, 100][numbers.below(3) as usize],
            rubbish: numbers.below(3) == 0,
            numbers,
        }
    }

    /// Nothing is lost: what any process sees before the power cut.
    pub fn none() -> Loss {
        Loss {
            numbers: Numbers(0),
            keep: 100,
            keep_sector: 100,
            tear: 0,
            rubbish: false,
        }
    }

    fn happens(&mut self, percent: u64) -> bool {
        self.numbers.below(100) < percent
    }
}

impl Disk {
    /// Plays `event`. A file's sync covers what was written through any of its descriptors: fsync(2) flushes "all modified in-core
    /// data of the file". `only_own` is the disk on which it would cover its own descriptor's writes alone.
    pub fn play(&mut self, event: &Event, only_own: bool) {
        match event {
            Event::Found { file, name, bytes } => {
                self.files.entry(*file).or_default().synced.clone_from(bytes);
                self.names.insert(name.clone(), *file);
            }
            Event::Created { file, name } => self.unsynced_names.push(Name::New {
                name: name.clone(),
                file: *file,
            }),
            Event::Written {
                file,
                opening,
                offset,
                bytes,
            } => {
                let change = Change::Write {
                    offset: *offset as usize,
                    bytes: bytes.clone(),
                };
                self.files.entry(*file).or_default().unsynced.push((change, *opening));
            }
            Event::Truncated { file, length } => {
                let change = Change::Cut {
                    length: *length as usize,
                };
                self.files.entry(*file).or_default().unsynced.push((change, 0));
            }
            Event::Synced { file, opening } => {
                let file = self.files.entry(*file).or_default();
                let changes = std::mem::take(&mut file.unsynced);
                for (change, by) in changes {
                    if only_own && by != 0 && by != *opening {
                        file.unsynced.push((change, by));
                    } else {
                        apply(&mut file.synced, &change, &mut Loss::none());
                    }
                }
            }
            Event::FolderSynced { folder } => {
                let names = std::mem::take(&mut self.unsynced_names);
                let (synced, rest) = names.into_iter().partition(|name| folder_of(name.is()) == folder);
                self.unsynced_names = rest;
                let synced: Vec<Name> = synced;
                synced.iter().for_each(|name| put_name(&mut self.names, name));
            }
            // As Linux does it: what could not be written counts as clean from now on and is not tried again.
            Event::Failed {
                call: Call::Sync,
                file: Some(file),
                ..
            } => {
                let file = self.files.entry(*file).or_default();
                let mut number = 0;
                file.unsynced.retain(|_| {
                    number += 1;
                    number % 2 == 0
                });
            }
            Event::Failed { .. } => {}
            Event::Deleted { name } => self.unsynced_names.push(Name::Gone { name: name.clone() }),
            Event::Renamed { from, to } => {
                if let Some(file) = self.file_named(from) {
                    let (from, to) = (from.clone(), to.clone());
                    self.unsynced_names.push(Name::Moved { from, to, file });
                }
            }
        }
    }

    /// The file that has `name` for the processes that run.
    fn file_named(&self, name: &str) -> Option<usize> {
        let mut names = self.names.clone();
        self.unsynced_names
            .iter()
            .for_each(|change| put_name(&mut names, change));
        names.get(name).copied()
    }

    /// What is on the disk if the power is cut now.
    pub fn after_power_cut(&self, mut loss: Loss) -> Image {
        let mut names = self.names.clone();
        for change in &self.unsynced_names {
            if loss.happens(loss.keep) {
                put_name(&mut names, change);
            }
        }
        let nothing = File::default();
        let content = |(name, file): (String, usize)| {
            let file = self.files.get(&file).unwrap_or(&nothing);
            let mut bytes = file.synced.clone();
            for (change, _) in &file.unsynced {
                if loss.happens(loss.keep) {
                    apply(&mut bytes, change, &mut loss);
                }
            }
            (name, bytes)
        };
        names.into_iter().map(content).collect()
    }
}

fn put_name(names: &mut BTreeMap<String, usize>, change: &Name) {
    match change {
        Name::New { name, file } => {
            names.insert(name.clone(), *file);
        }
        Name::Gone { name } => {
            names.remove(name);
        }
        Name::Moved { from, to, file } => {
            names.remove(from);
            names.insert(to.clone(), *file);
        }
    }
}

fn apply(content: &mut Vec<u8>, change: &Change, loss: &mut Loss) {
    match change {
        Change::Cut { length } => content.resize(*length, 0),
        Change::Write { offset, bytes } => {
            let end = offset + bytes.len();
            let before = content.len();
            content.resize(before.max(end), 0);
            if loss.rubbish {
                content[before..].fill_with(|| loss.numbers.next() as u8);
            }
            let torn = loss.happens(loss.tear);
            for (index, sector) in bytes.chunks(SECTOR_BYTES).enumerate() {
                if !torn || loss.happens(loss.keep_sector) {
                    let start = offset + index * SECTOR_BYTES;
                    content[start..start + sector.len()].copy_from_slice(sector);
                }
            }
        }
    }
}

/// Makes `folder` hold `image` and nothing else.
pub fn put_on_disk(image: &Image, folder: &Path) {
    fs::remove_dir_all(folder).unwrap();
    for (name, bytes) in image {
        fs::create_dir_all(folder.join(folder_of(name))).unwrap();
        fs::write(folder.join(name), bytes).unwrap();
    }
}

#[test]
fn what_is_synced_survives_and_what_is_not_may_be_lost() {
    let written = |byte: u8| Event::Written {
        file: 1,
        opening: 1,
        offset: 0,
        bytes: vec![byte; 1024],
    };
    let name = || "f".to_owned();
    let mut disk = Disk::default();
    for event in [
        Event::Created { file: 1, name: name() },
        written(1),
        Event::Synced { file: 1, opening: 1 },
    ] {
        disk.play(&event, false);
    }
    let cuts = |disk: &Disk| -> Vec<Image> { (0..1000).map(|seed| disk.after_power_cut(Loss::seeded(seed))).collect() };
    assert!(cuts(&disk).iter().any(Image::is_empty), "a name that is not synced");
    let folder = String::new();
    disk.play(&Event::FolderSynced { folder }, false);
    let whole: Image = [(name(), vec![1; 1024])].into();
    assert!(cuts(&disk).iter().all(|image| *image == whole));
    disk.play(&written(2), false);
    let images = cuts(&disk);
    let shapes = [vec![1; 1024], vec![2; 1024], [vec![1; 512], vec![2; 512]].concat()];
    for shape in shapes {
        assert!(images.iter().any(|image| image["f"] == shape));
    }
    disk.play(&Event::Synced { file: 1, opening: 2 }, true);
    assert!(cuts(&disk).contains(&whole), "another descriptor's sync");
    disk.play(&Event::Synced { file: 1, opening: 2 }, false);
    assert!(cuts(&disk).iter().all(|image| image["f"] == vec![2; 1024]));
}
