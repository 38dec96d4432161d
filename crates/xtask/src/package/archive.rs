//! Zips and tarballs whose bytes depend on nothing but names, modes and contents.

use anyhow::{Context, bail};
use flate2::{Compression, GzBuilder};
use std::io::{Cursor, Write as _};
use std::path::Path;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// A file of an archive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    /// Path inside the archive, with `/`.
    name: String,
    mode: u32,
    bytes: Vec<u8>,
}

impl Entry {
    /// A file that is run.
    pub(super) fn program(name: &str, bytes: Vec<u8>) -> Self {
        Self::new(name, 0o755, bytes)
    }

    /// A file that is read.
    pub(super) fn text(name: &str, bytes: Vec<u8>) -> Self {
        Self::new(name, 0o644, bytes)
    }

    fn new(name: &str, mode: u32, bytes: Vec<u8>) -> Self {
        let name = name.to_owned();
        Self { name, mode, bytes }
    }
}

/// A zip: sorted, of 1980 (the format's beginning), for everybody to read, as Lambda needs it.
pub(super) fn zip(entries: &[Entry]) -> anyhow::Result<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for entry in sorted(entries)? {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(9))
            .last_modified_time(DateTime::default())
            .unix_permissions(entry.mode);
        zip.start_file(&*entry.name, options)?;
        zip.write_all(&entry.bytes)?;
    }
    Ok(zip.finish()?.into_inner())
}

/// A gzipped tarball: sorted, of 1970, owned by root, everything below one folder.
pub(super) fn tar_gz(folder: &str, entries: &[Entry]) -> anyhow::Result<Vec<u8>> {
    let gzip = GzBuilder::new()
        .mtime(0)
        .write(Vec::new(), Compression::best());
    let mut tar = tar::Builder::new(gzip);
    for entry in sorted(entries)? {
        let mut header = tar::Header::new_ustar();
        header.set_size(entry.bytes.len() as u64);
        header.set_mode(entry.mode);
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        tar.append_data(
            &mut header,
            format!("{folder}/{}", entry.name),
            &*entry.bytes,
        )?;
    }
    Ok(tar.into_inner()?.finish()?)
}

/// The files of a folder and of those below it, under the folder's own name.
pub(super) fn folder(folder: &Path) -> anyhow::Result<Vec<Entry>> {
    let name = folder.file_name().and_then(|name| name.to_str());
    let name = name.with_context(|| format!("{} has no name to pack under", folder.display()))?;
    let mut entries = Vec::new();
    collect(folder, name, &mut entries)?;
    if entries.is_empty() {
        bail!("{} has no files", folder.display());
    }
    Ok(entries)
}

fn collect(folder: &Path, name: &str, entries: &mut Vec<Entry>) -> anyhow::Result<()> {
    let list = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    for file in list {
        let file = file?;
        let own = file.file_name();
        let own = own.to_str().context("file names to pack are UTF-8")?;
        let below = format!("{name}/{own}");
        if file.path().is_dir() {
            collect(&file.path(), &below, entries)?;
        } else {
            entries.push(Entry::text(&below, std::fs::read(file.path())?));
        }
    }
    Ok(())
}

fn sorted(entries: &[Entry]) -> anyhow::Result<Vec<&Entry>> {
    let mut sorted: Vec<&Entry> = entries.iter().collect();
    sorted.sort();
    let twice = sorted.windows(2).find(|pair| pair[0].name == pair[1].name);
    if let Some(pair) = twice {
        bail!("two files to pack are called {}", pair[0].name);
    }
    Ok(sorted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    fn entries() -> Vec<Entry> {
        vec![
            Entry::text("LICENSE", b"free".to_vec()),
            Entry::program("bootstrap", vec![7; 70_000]),
        ]
    }

    #[test]
    fn order_and_time_of_packing_do_not_show() {
        let mut turned = entries();
        turned.reverse();
        assert_eq!(zip(&entries()).unwrap(), zip(&turned).unwrap());
        assert_eq!(
            tar_gz("dial", &entries()).unwrap(),
            tar_gz("dial", &turned).unwrap()
        );
    }

    #[test]
    fn a_zip_gives_back_what_went_in() {
        let bytes = zip(&entries()).unwrap();
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        let mut program = archive.by_name("bootstrap").unwrap();
        assert_eq!(program.unix_mode(), Some(0o100_755));
        assert_eq!(program.last_modified(), Some(DateTime::default()));
        let mut content = Vec::new();
        program.read_to_end(&mut content).unwrap();
        assert_eq!(content, vec![7; 70_000]);
    }

    #[test]
    fn one_name_has_one_file() {
        let twice = [Entry::text("a", vec![1]), Entry::text("a", vec![2])];
        assert!(zip(&twice).is_err());
    }

    #[test]
    fn a_folder_keeps_its_name_and_its_folders() {
        let home = tempfile::tempdir().unwrap();
        let geoip = home.path().join("geoip");
        std::fs::create_dir_all(geoip.join("lists")).unwrap();
        std::fs::write(geoip.join("city.mmdb"), "c").unwrap();
        std::fs::write(geoip.join("lists/tor.txt"), "t").unwrap();
        let mut names: Vec<String> = folder(&geoip)
            .unwrap()
            .into_iter()
            .map(|e| e.name)
            .collect();
        names.sort();
        assert_eq!(names, ["geoip/city.mmdb", "geoip/lists/tor.txt"]);
        assert!(folder(&home.path().join("none")).is_err());
    }
}
