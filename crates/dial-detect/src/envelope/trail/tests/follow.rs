//! What comes by a pipe: told as it comes, and the same as from a file.

use super::*;
use std::cell::Cell;
use std::io;

/// Hands over a piece for each read, and notes how many were asked for.
struct Pieces<'p> {
    pieces: std::vec::IntoIter<Vec<u8>>,
    asked: &'p Cell<usize>,
}

impl Read for Pieces<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.asked.set(self.asked.get() + 1);
        let piece = self.pieces.next().unwrap_or_default();
        into[..piece.len()].copy_from_slice(&piece);
        Ok(piece.len())
    }
}

#[test]
fn what_a_pipe_brings_is_handed_over_before_more_is_waited_for() {
    let asked = Cell::new(0);
    let lines = records(3).into_iter().map(|record| format!("{record}\n"));
    // The first in two halves, the others in one piece each.
    let pieces = lines.flat_map(|line| match line.split_once(r#""eventID":"0""#) {
        Some((start, rest)) => vec![start.into(), format!(r#""eventID":"0"{rest}"#).into_bytes()],
        None => vec![line.into_bytes()],
    });
    let pieces: Vec<Vec<u8>> = pieces.collect();
    assert_eq!(pieces.len(), 4);
    let source = Pieces {
        pieces: pieces.into_iter(),
        asked: &asked,
    };
    let mut seen = Vec::new();
    let counts = Scanner::new(Limits::default()).follow(
        source,
        |_| true,
        |item| seen.push((item.unwrap().id, asked.get())),
    );
    let expected = [("0", 2), ("1", 3), ("2", 4)].map(|(id, asked)| (id.to_owned(), asked));
    assert_eq!(seen, expected);
    assert_eq!(counts.unwrap().records, 3);
}

proptest! {
    #[test]
    fn following_finds_what_scanning_finds(
        count in 0..6_usize,
        form in 0..4_usize,
        pieces in prop::collection::vec(1..400_usize, 1..8),
        cut in 0..600_usize,
    ) {
        let list = Value::from(records(count));
        let lines: Vec<String> = records(count).iter().map(Value::to_string).collect();
        let mut bytes = match form {
            0 => json!({"Records": list}).to_string().into_bytes(),
            1 => lines.join("\n").into_bytes(),
            2 => gzip(list.to_string().as_bytes()),
            _ => list.to_string().into_bytes(),
        };
        bytes.truncate(bytes.len().saturating_sub(cut.saturating_sub(300)));
        let expected = seen(&bytes);
        let mut rest = bytes.as_slice();
        let mut sizes = pieces.iter().cycle();
        let mut source = Vec::new();
        while !rest.is_empty() {
            let (piece, more) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
            source.push(piece.to_vec());
            rest = more;
        }
        let asked = Cell::new(0);
        let source = Pieces { pieces: source.into_iter(), asked: &asked };
        let mut found = Vec::new();
        let result = Scanner::new(Limits::default()).follow(source, |_| true, |item| {
            found.push(match item {
                Ok(event) => event.id,
                Err(malformed) => format!("[{malformed}]"),
            });
        });
        prop_assert_eq!((found, result.map_err(|e| e.to_string())), expected);
    }
}
