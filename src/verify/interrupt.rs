//! Ctrl-C, SIGTERM and SIGHUP: what was started is put away before dfix ends.

use super::trouble::Trouble;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

static STOPPED: LazyLock<Arc<AtomicBool>> = LazyLock::new(|| {
    let flag = Arc::new(AtomicBool::new(false));
    let raised = Arc::clone(&flag);
    // Where another handler is in place already, that one decides.
    let _ = ctrlc::set_handler(move || raised.store(true, Ordering::SeqCst));
    flag
});

/// Takes signals from now on.
pub fn listen() {
    LazyLock::force(&STOPPED);
}

/// Whether dfix is to stop.
pub fn is_raised() -> bool {
    STOPPED.load(Ordering::SeqCst)
}

/// `Err` when dfix is to stop.
pub fn check() -> Result<(), Trouble> {
    if is_raised() { Err(Trouble::Interrupted) } else { Ok(()) }
}
