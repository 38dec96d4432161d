//! Whether a program runs on Amazon Linux 2023: its processor, the libraries and the glibc it needs.

use super::Arch;
use anyhow::{Context, bail};
use object::elf::{self, FileHeader64};
use object::read::elf::{Dyn as _, FileHeader as _, SectionTable};
use object::{Endianness, StringTable};

/// glibc of `provided.al2023`: (major, minor).
const GLIBC: (u32, u32) = (2, 34);
/// Libraries that the runtime has.
const LIBRARIES: [&str; 9] = [
    "ld-linux-aarch64.so.1",
    "ld-linux-x86-64.so.2",
    "libc.so.6",
    "libdl.so.2",
    "libgcc_s.so.1",
    "libm.so.6",
    "libpthread.so.0",
    "librt.so.1",
    "linux-vdso.so.1",
];

type Header = FileHeader64<Endianness>;

/// What keeps a program from running there; empty where nothing does.
pub(super) fn faults(bytes: &[u8], arch: Arch) -> anyhow::Result<Vec<String>> {
    let header = Header::parse(bytes).context("not an ELF program of 64 bits")?;
    let endian = header.endian()?;
    let sections = header.sections(endian, bytes)?;
    let mut faults = Vec::new();
    if header.e_machine(endian) != machine(arch) {
        faults.push(format!("it is not for {}", arch.word()));
    }
    faults.extend(foreign_libraries(&sections, endian, bytes)?);
    if let Some((major, minor)) = newest_glibc(&sections, endian, bytes)?
        && (major, minor) > GLIBC
    {
        let (has_major, has_minor) = GLIBC;
        faults.push(format!(
            "it needs glibc {major}.{minor}, and there is {has_major}.{has_minor}; build it on \
             Amazon Linux 2023 or Debian 12"
        ));
    }
    Ok(faults)
}

fn machine(arch: Arch) -> u16 {
    match arch {
        Arch::X86_64 => elf::EM_X86_64,
        Arch::Arm64 => elf::EM_AARCH64,
    }
}

fn foreign_libraries(
    sections: &SectionTable<'_, Header>,
    endian: Endianness,
    bytes: &[u8],
) -> anyhow::Result<Vec<String>> {
    let Some((entries, link)) = sections.dynamic(endian, bytes)? else {
        return Ok(Vec::new());
    };
    let strings = sections.strings(endian, bytes, link)?;
    let mut foreign = Vec::new();
    for entry in entries {
        if entry.d_tag(endian) == elf::DT_NEEDED {
            let name = u32::try_from(entry.d_val(endian))?;
            let name = text(strings, name)?;
            if !LIBRARIES.contains(&&*name) {
                foreign.push(format!("it needs {name}"));
            }
        }
    }
    Ok(foreign)
}

fn text(strings: StringTable<'_>, offset: u32) -> anyhow::Result<String> {
    let Ok(name) = strings.get(offset) else {
        bail!("a name lies outside of the table of names");
    };
    Ok(String::from_utf8_lossy(name).into_owned())
}

/// The newest version of glibc that a symbol asks for.
fn newest_glibc(
    sections: &SectionTable<'_, Header>,
    endian: Endianness,
    bytes: &[u8],
) -> anyhow::Result<Option<(u32, u32)>> {
    let Some((mut libraries, link)) = sections.gnu_verneed(endian, bytes)? else {
        return Ok(None);
    };
    let strings = sections.strings(endian, bytes, link)?;
    let mut newest = None;
    while let Some((_, mut versions)) = libraries.next()? {
        while let Some(version) = versions.next()? {
            let name = version.name(endian, strings)?;
            newest = newest.max(glibc(&String::from_utf8_lossy(name)));
        }
    }
    Ok(newest)
}

/// `GLIBC_2.34` and `GLIBC_2.2.5`; other libraries' versions are none.
fn glibc(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.strip_prefix("GLIBC_")?.split('.');
    let major = numbers.next()?.parse().ok()?;
    let minor = numbers.next()?.parse().ok()?;
    Some((major, minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_glibc_are_told_from_others() {
        let cases = [
            ("GLIBC_2.34", Some((2, 34))),
            ("GLIBC_2.2.5", Some((2, 2))),
            ("GCC_3.0", None),
            ("GLIBC_PRIVATE", None),
        ];
        for (version, expected) in cases {
            assert_eq!(glibc(version), expected, "{version}");
        }
        assert!(glibc("GLIBC_2.4") < glibc("GLIBC_2.34"));
    }

    /// The test's own program: it runs here, so what it needs is here.
    #[test]
    fn a_real_program_is_read() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let host = Arch::host().unwrap();
        let header = Header::parse(&*own).unwrap();
        let endian = header.endian().unwrap();
        let sections = header.sections(endian, &*own).unwrap();
        let newest = newest_glibc(&sections, endian, &own).unwrap();
        assert!(newest > Some((2, 2)), "{newest:?}");
        let other = if host == Arch::Arm64 {
            Arch::X86_64
        } else {
            Arch::Arm64
        };
        let wrong = faults(&own, other).unwrap();
        assert!(wrong[0].starts_with("it is not for"), "{wrong:?}");
    }

    #[test]
    fn what_is_no_program_is_an_error() {
        for bytes in [&b""[..], b"#!/bin/sh", &[0x7f, b'E', b'L', b'F', 2, 1, 1]] {
            assert!(faults(bytes, Arch::X86_64).is_err());
        }
    }
}
