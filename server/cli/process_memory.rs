//! Memory of a process, as Linux reports it in /proc. Invariant: sizes are in MB of 2^20 bytes; where the system reports none,
//! there is none.

/// Resident memory of a process in MB; none where the system reports none.
pub fn resident_mb(process: u32) -> Option<f64> {
    status_mb(process, "VmRSS")
}

/// A field of the status of a process in MB; none where the system reports none.
pub fn status_mb(process: u32, field: &str) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line =
        status.lines().find(|line| line.strip_prefix(field).is_some_and(|rest| rest.starts_with(':')))?;
    let kilobytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes / 1024.0)
}
