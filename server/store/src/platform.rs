//! Operating systems and processors, and what a shared library says about them. Invariant: a library for another machine
//! is recognised before anything tries to load it.

use std::fmt;

/// An operating system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Os {
    Linux,
    Darwin,
    Windows,
}

/// A processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arch {
    X86_64,
    Aarch64,
}

/// The platform of a library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Platform {
    pub os: Os,
    pub arch: Arch,
}

impl Platform {
    /// The platform that this program was built for, if ONNX Runtime knows it.
    pub(crate) fn current() -> Option<Self> {
        let os = match std::env::consts::OS {
            "linux" => Os::Linux,
            "macos" => Os::Darwin,
            "windows" => Os::Windows,
            _ => return None,
        };
        let arch = match std::env::consts::ARCH {
            "x86_64" => Arch::X86_64,
            "aarch64" => Arch::Aarch64,
            _ => return None,
        };
        Some(Self { os, arch })
    }

    /// Whether a file of this name is the ONNX Runtime library itself (not one of its providers).
    pub(crate) fn is_library_name(self, name: &str) -> bool {
        match self.os {
            Os::Linux => name
                .strip_prefix("libonnxruntime.so")
                .is_some_and(|rest| rest.is_empty() || (rest.starts_with('.') && is_version(&rest[1..]))),
            Os::Darwin => name
                .strip_prefix("libonnxruntime")
                .and_then(|rest| rest.strip_suffix(".dylib"))
                .is_some_and(|rest| rest.is_empty() || (rest.starts_with('.') && is_version(&rest[1..]))),
            Os::Windows => name.eq_ignore_ascii_case("onnxruntime.dll"),
        }
    }

    /// Whether a file of this name belongs beside the library: the parts that it loads for other processors.
    pub(crate) fn is_companion_name(self, name: &str) -> bool {
        let name = name.strip_prefix("lib").unwrap_or(name);
        match self.os {
            Os::Linux => name.starts_with("onnxruntime_providers_") && name.ends_with(".so"),
            Os::Darwin => name.starts_with("onnxruntime_providers_") && name.ends_with(".dylib"),
            Os::Windows => {
                (name.starts_with("onnxruntime_providers_") && name.ends_with(".dll"))
                    || name == "DirectML.dll"
            }
        }
    }
}

fn is_version(text: &str) -> bool {
    !text.is_empty()
        && text.split('.').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let os = match self.os {
            Os::Linux => "Linux",
            Os::Darwin => "macOS",
            Os::Windows => "Windows",
        };
        let arch = match self.arch {
            Arch::X86_64 => "x86_64",
            Arch::Aarch64 => "arm64",
        };
        write!(f, "{os} {arch}")
    }
}

/// Why a library cannot run on `platform`, by its first bytes (512 are enough); `None` if it can.
pub(crate) fn misfit(head: &[u8], platform: Platform) -> Option<String> {
    let (os, arch) = match head {
        // ELF, 64 bits, little-endian: e_machine at 18.
        [0x7f, b'E', b'L', b'F', 2, 1, ..] => (Os::Linux, elf_arch(u16_at(head, 18)?)),
        // Mach-O, 64 bits: cputype at 4.
        [0xcf, 0xfa, 0xed, 0xfe, ..] => (Os::Darwin, mach_arch(u32_at(head, 4)?)),
        // A universal Mach-O holds several processors; the loader picks.
        [0xca, 0xfe, 0xba, 0xbe | 0xbf, ..] => (Os::Darwin, Some(platform.arch)),
        // PE: the offset of its header at 0x3c, the machine 4 bytes into it.
        [b'M', b'Z', ..] => (Os::Windows, pe_arch(head)),
        _ => return Some("not a shared library".to_owned()),
    };
    match arch {
        Some(arch) if (Platform { os, arch }) == platform => None,
        Some(arch) => Some(format!("built for {}", Platform { os, arch })),
        None => Some("built for another processor".to_owned()),
    }
}

fn elf_arch(machine: u16) -> Option<Arch> {
    match machine {
        0x3e => Some(Arch::X86_64),
        0xb7 => Some(Arch::Aarch64),
        _ => None,
    }
}

fn mach_arch(cpu: u32) -> Option<Arch> {
    match cpu {
        0x0100_0007 => Some(Arch::X86_64),
        0x0100_000c => Some(Arch::Aarch64),
        _ => None,
    }
}

fn pe_arch(head: &[u8]) -> Option<Arch> {
    match u16_at(head, usize::try_from(u32_at(head, 0x3c)?).ok()?.checked_add(4)?)? {
        0x8664 => Some(Arch::X86_64),
        0xaa64 => Some(Arch::Aarch64),
        _ => None,
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINUX: Platform = Platform { os: Os::Linux, arch: Arch::X86_64 };
    const MAC: Platform = Platform { os: Os::Darwin, arch: Arch::Aarch64 };
    const WINDOWS: Platform = Platform { os: Os::Windows, arch: Arch::X86_64 };

    fn elf(machine: u16) -> Vec<u8> {
        let mut bytes = vec![0; 64];
        bytes[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1]);
        bytes[18..20].copy_from_slice(&machine.to_le_bytes());
        bytes
    }

    fn pe(machine: u16) -> Vec<u8> {
        let mut bytes = vec![0; 256];
        bytes[..2].copy_from_slice(b"MZ");
        bytes[0x3c] = 0x80;
        bytes[0x84..0x86].copy_from_slice(&machine.to_le_bytes());
        bytes
    }

    #[test]
    fn libraries_are_told_apart_by_their_names() {
        let cases = [
            (LINUX, "libonnxruntime.so", true),
            (LINUX, "libonnxruntime.so.1", true),
            (LINUX, "libonnxruntime.so.1.31.1", true),
            (LINUX, "libonnxruntime.so.dbg", false),
            (LINUX, "libonnxruntime_providers_shared.so", false),
            (LINUX, "libonnxruntime.dylib", false),
            (MAC, "libonnxruntime.1.31.1.dylib", true),
            (MAC, "libonnxruntime.dylib", true),
            (MAC, "libonnxruntime_extensions.dylib", false),
            (WINDOWS, "OnnxRuntime.DLL", true),
            (WINDOWS, "onnxruntime_providers_shared.dll", false),
        ];
        for (platform, name, expected) in cases {
            assert_eq!(platform.is_library_name(name), expected, "{platform} {name}");
        }
        assert!(LINUX.is_companion_name("libonnxruntime_providers_cuda.so"));
        assert!(WINDOWS.is_companion_name("DirectML.dll"));
        assert!(!LINUX.is_companion_name("onnxruntime_pybind11_state.so"));
    }

    #[test]
    fn a_library_for_another_machine_is_named_as_such() {
        let mut mach = vec![0xcf, 0xfa, 0xed, 0xfe];
        mach.extend(0x0100_000c_u32.to_le_bytes());
        let cases: [(Vec<u8>, Platform, Option<&str>); 9] = [
            (elf(0x3e), LINUX, None),
            (elf(0xb7), LINUX, Some("built for Linux arm64")),
            (elf(0x28), LINUX, Some("built for another processor")),
            (mach.clone(), MAC, None),
            (mach, LINUX, Some("built for macOS arm64")),
            (pe(0x8664), WINDOWS, None),
            (pe(0xaa64), WINDOWS, Some("built for Windows arm64")),
            (b"MZ".to_vec(), WINDOWS, Some("built for another processor")),
            (b"version https://git-lfs".to_vec(), LINUX, Some("not a shared library")),
        ];
        for (head, platform, expected) in cases {
            assert_eq!(misfit(&head, platform).as_deref(), expected);
        }
        assert_eq!(misfit(&[0xca, 0xfe, 0xba, 0xbe], MAC), None);
    }
}
