//! Looks at a store's file without changing it.

use super::{MIGRATIONS, OpenError};
use rusqlite::{Connection, OpenFlags};
use std::path::Path;

/// How a store's file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// There is none.
    Absent,
    /// The tables are those of this program.
    Current,
    /// Opening it would bring the tables up to date.
    Older,
    /// A newer program wrote it; this one cannot open it.
    Newer,
}

/// Looks at a file; makes and migrates nothing.
pub fn look(path: &Path) -> Result<Look, OpenError> {
    if !path.exists() {
        return Ok(Look::Absent);
    }
    let failed = |source| OpenError::Sqlite {
        path: path.to_owned(),
        source,
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    let version = connection.query_row("PRAGMA user_version", [], |row| row.get(0));
    let version: i64 = version.map_err(failed)?;
    let ours = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    Ok(match version.cmp(&ours) {
        std::cmp::Ordering::Less => Look::Older,
        std::cmp::Ordering::Equal => Look::Current,
        std::cmp::Ordering::Greater => Look::Newer,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Sqlite;

    #[test]
    fn a_file_is_told_by_its_version_and_not_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dial.db");
        assert_eq!(look(&path).unwrap(), Look::Absent);
        assert!(!path.exists());
        drop(Sqlite::open(&path).unwrap());
        assert_eq!(look(&path).unwrap(), Look::Current);
        for (version, expected) in [(0, Look::Older), (1_000, Look::Newer)] {
            let connection = Connection::open(&path).unwrap();
            connection
                .pragma_update(None, "user_version", version)
                .unwrap();
            drop(connection);
            assert_eq!(look(&path).unwrap(), expected);
        }
        std::fs::write(
            &path,
            "no database, but long enough to be taken for one".repeat(40),
        )
        .unwrap();
        assert!(look(&path).is_err());
    }
}
