//! Who may speak to an engine process: this program, of this user.

use std::sync::Arc;

use fimble_shared::host::HostOptions;
use fimble_shared::{AttachError, Attachment, Identity};

use crate::support::*;

#[test]
fn a_window_of_another_version_is_told_so_and_gets_nothing() {
    let host = Host::start();
    let own = host.window();
    let model = own.open("small", None).unwrap();
    for other in [Identity::new("1.0.1", "test"), Identity::new("1.0.0", "other")] {
        let window = Attachment::new(host.place(), move || Ok(other.clone()), Arc::new(|| Ok(())));
        assert_eq!(window.open("small", None).err(), Some(AttachError::OtherVersion("1.0.0".to_owned())));
        let report = window.report().unwrap();
        assert_eq!((report.version.as_str(), report.use_of_it), ("1.0.0", None));
    }
    assert_eq!(ask(&model, "say:ok").unwrap().text, "ok");
    assert_eq!(own.report().unwrap().use_of_it.unwrap().0, 1);
}

#[test]
fn another_user_is_refused_before_a_byte_is_read() {
    // This process is the other user.
    #[cfg(unix)]
    let other = u32::MAX - 7;
    #[cfg(windows)]
    let other = "S-1-5-21-1-2-3-1001".to_owned();
    let host = Host::start_with(|options| HostOptions { user: Some(other), ..options });
    wait_until("it listens", || raw_stream(&host.place()).is_ok());
    let window = host.window();
    assert_eq!(window.report(), None);
    let start = std::time::Instant::now();
    assert!(matches!(window.open("small", None), Err(AttachError::NotStarted(_))));
    assert!(start.elapsed() < LONG);
    assert_eq!(host.state.n_loads.load(std::sync::atomic::Ordering::SeqCst), 0);
}

#[cfg(unix)]
#[test]
fn the_files_are_those_of_the_user_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    let host = Host::start();
    let _model = host.window().open("small", None).unwrap();
    let files = host.place().files();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&files.socket), mode(&files.lock)), (0o600, 0o600));
    assert_eq!(mode(files.socket.parent().unwrap()), 0o700);
}
