//! The notices that licences of third parties ask to be passed on with a program.

use super::inventory::Crate;
use anyhow::{Context, bail};
use spdx::{Expression, LicenseReq};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Beginnings of names of files that hold a licence or a notice, in lower case.
const FILES: [&str; 6] = [
    "copying",
    "copyright",
    "license",
    "licence",
    "notice",
    "unlicense",
];
const RULE: &str =
    "================================================================================";

/// One text: every licence of every crate, each once, under the crates that it is for.
pub(super) fn notices(crates: &[Crate]) -> anyhow::Result<String> {
    let mut by_text: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut list = String::new();
    for part in crates.iter().filter(|part| !part.own) {
        writeln!(list, "{} {}: {}", part.name, part.version, part.licence)?;
        for text in texts(part).with_context(|| part.id())? {
            by_text.entry(text).or_default().push(part.id());
        }
    }
    let mut sections: Vec<(Vec<String>, String)> =
        by_text.into_iter().map(|(text, of)| (of, text)).collect();
    sections.sort();
    let mut all = format!("DIAL contains the following software of third parties.\n\n{list}");
    for (of, text) in sections {
        write!(all, "\n{RULE}\n{}\n\n{text}\n", of.join(", "))?;
    }
    Ok(all)
}

/// What a crate brings along; the standard texts of its licences where it brings nothing.
fn texts(part: &Crate) -> anyhow::Result<Vec<String>> {
    let mut paths: Vec<_> = std::fs::read_dir(&part.folder)?
        .filter_map(|file| Some(file.ok()?.path()))
        .filter(|path| path.is_file() && is_notice(path))
        .collect();
    paths.sort();
    let found: Vec<String> = paths
        .iter()
        .map(std::fs::read)
        .collect::<Result<Vec<_>, _>>()?
        .iter()
        .map(|bytes| plain(&String::from_utf8_lossy(bytes)))
        .collect();
    if found.is_empty() {
        return standard(&part.licence);
    }
    Ok(found)
}

fn is_notice(path: &std::path::Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.to_lowercase();
    let is_source = path.extension().is_some_and(|extension| extension == "rs");
    !is_source && FILES.iter().any(|start| name.starts_with(start))
}

/// Without what differs between copies of the same text.
fn plain(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n").trim_matches('\n').to_owned()
}

fn standard(expression: &str) -> anyhow::Result<Vec<String>> {
    let parsed = Expression::parse_mode(expression, spdx::ParseMode::LAX)?;
    let texts: Vec<String> = parsed
        .requirements()
        .filter_map(|asked| text(&asked.req))
        .collect();
    if texts.is_empty() {
        bail!("no text is known for `{expression}`");
    }
    Ok(texts)
}

fn text(asked: &LicenseReq) -> Option<String> {
    Some(plain(asked.license.id()?.text()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::{Path, PathBuf};

    fn part(name: &str, licence: &str, folder: &Path) -> Crate {
        Crate {
            name: name.into(),
            version: "1.0.0".into(),
            licence: licence.into(),
            folder: folder.to_owned(),
            own: false,
            checksum: None,
            needs: Vec::new(),
        }
    }

    fn folder(home: &Path, name: &str, files: &[(&str, &str)]) -> PathBuf {
        let folder = home.join(name);
        std::fs::create_dir_all(&folder).unwrap();
        for (file, text) in files {
            std::fs::write(folder.join(file), text).unwrap();
        }
        folder
    }

    #[test]
    fn one_text_stands_once_and_names_everybody() {
        let home = tempfile::tempdir().unwrap();
        let mit = "Permission is granted to everybody.";
        let one = folder(
            home.path(),
            "one",
            &[("LICENSE-MIT", mit), ("license.rs", "fn x() {}")],
        );
        let two = folder(home.path(), "two", &[("COPYING", &format!("{mit}  \r\n"))]);
        let notices = notices(&[part("one", "MIT", &one), part("two", "MIT", &two)]).unwrap();
        assert_eq!(notices.matches(mit).count(), 1, "{notices}");
        assert!(notices.contains("one@1.0.0, two@1.0.0"), "{notices}");
        assert!(!notices.contains("fn x"), "{notices}");
    }

    #[test]
    fn a_crate_without_a_text_gets_the_standard_one() {
        let home = tempfile::tempdir().unwrap();
        let bare = folder(home.path(), "bare", &[]);
        let notices = notices(&[part("bare", "MIT/Apache-2.0", &bare)]).unwrap();
        assert!(
            notices.contains("Permission is hereby granted"),
            "{notices}"
        );
        assert!(notices.contains("Apache License"), "{notices}");
        assert!(texts(&part("bare", "LicenseRef-own", &bare)).is_err());
    }
}
