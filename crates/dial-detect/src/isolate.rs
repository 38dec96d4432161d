//! Runs code that may panic, without noise on standard error and without taking others down.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::sync::Once;

thread_local! {
    static WATCHED: Cell<bool> = const { Cell::new(false) };
    static MESSAGE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs `work`; a panic becomes its message and place.
///
/// The first call wraps the process's panic hook: panics below `run` are kept quiet, all others
/// go where they went before. `work` must not leave shared state half changed.
pub(crate) fn run<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if WATCHED.get() {
                MESSAGE.set(Some(describe(panic)));
            } else {
                before(panic);
            }
        }));
    });
    let outer = WATCHED.replace(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    WATCHED.set(outer);
    result.map_err(|_| {
        let message = MESSAGE.take();
        message.unwrap_or_else(|| "panic without a message".to_owned())
    })
}

fn describe(panic: &PanicHookInfo<'_>) -> String {
    let message = panic.payload_as_str().unwrap_or("panic");
    match panic.location() {
        Some(place) => format!("{message} ({}:{})", place.file(), place.line()),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_with_its_message() {
        assert_eq!(run(|| 7), Ok(7));
        let error = run(|| -> u8 { panic!("rule {} broke", 3) }).unwrap_err();
        assert!(error.starts_with("rule 3 broke ("), "{error}");
        assert!(error.contains("isolate.rs:"), "{error}");
        assert_eq!(run(|| run(|| panic!("inner")).is_err()), Ok(true));
    }
}
