//! Ctrl-C during a simulation: the first ends the arrivals, the second leaves at once.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// A flag that the first Ctrl-C raises.
#[cfg(feature = "net")]
pub fn flag() -> Arc<AtomicBool> {
    use std::sync::atomic::Ordering;

    let flag = Arc::new(AtomicBool::new(false));
    let raised = Arc::clone(&flag);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let Ok(runtime) = runtime else { return };
        runtime.block_on(async {
            while tokio::signal::ctrl_c().await.is_ok() {
                if raised.swap(true, Ordering::Relaxed) {
                    std::process::exit(tollgate::error::ExitCode::Interrupted as i32);
                }
            }
        });
    });
    flag
}

/// Without a network there is no signal handling: Ctrl-C ends the process.
#[cfg(not(feature = "net"))]
pub fn flag() -> Arc<AtomicBool> {
    Arc::new(AtomicBool::new(false))
}
