//! Whether the machine runs on battery, as far as it can be found out without another program. Invariant: a machine that
//! says nothing counts as plugged in.

use std::fs;
use std::path::Path;

/// Where Linux describes its power supplies.
const SUPPLIES: &str = "/sys/class/power_supply";

/// Whether a battery is being used up. On macOS and Windows always false: there this would need calls into the system.
#[must_use]
pub fn is_on_battery() -> bool {
    is_discharging(Path::new(SUPPLIES))
}

/// A battery of the machine itself (not of a mouse) discharges, and no supply from outside is online.
fn is_discharging(supplies: &Path) -> bool {
    let Ok(entries) = fs::read_dir(supplies) else { return false };
    let mut discharges = false;
    for entry in entries.flatten() {
        let says = |name: &str, word: &str| {
            fs::read_to_string(entry.path().join(name)).is_ok_and(|content| content.trim() == word)
        };
        if says("type", "Battery") {
            discharges |= says("status", "Discharging") && !says("scope", "Device");
        } else if says("online", "1") {
            return false;
        }
    }
    discharges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_battery_that_nothing_charges_counts() {
        let mains = |online| ("AC", vec![("type", "Mains"), ("online", online)]);
        let battery = |status| ("BAT0", vec![("type", "Battery"), ("status", status)]);
        let mouse = ("mouse", vec![("type", "Battery"), ("status", "Discharging"), ("scope", "Device")]);
        for (supplies, expected) in [
            (vec![], false),
            (vec![mains("1")], false),
            (vec![mains("0"), battery("Discharging")], true),
            (vec![mains("1"), battery("Discharging")], false),
            (vec![mains("0"), battery("Full")], false),
            (vec![mouse], false),
        ] {
            let folder = tempfile::tempdir().unwrap();
            for (name, files) in &supplies {
                let supply = folder.path().join(name);
                fs::create_dir(&supply).unwrap();
                for (file, content) in files {
                    fs::write(supply.join(file), format!("{content}\n")).unwrap();
                }
            }
            assert_eq!(is_discharging(folder.path()), expected, "{supplies:?}");
        }
        assert!(!is_discharging(Path::new("/nowhere")));
    }
}
