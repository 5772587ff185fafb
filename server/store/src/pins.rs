//! The pinned files of ONNX Runtime for each platform, with their checksums. Invariant: both the archive and the library inside
//! are pinned, and the archive of every platform here was checked.

use crate::platform::{Arch, Os, Platform};

/// The oldest ONNX Runtime that the engine can drive, as (major, minor).
pub(crate) const OLDEST_VERSION: (u32, u32) = (1, 22);

/// The program that fetches an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    /// Python's package installer. The tags are those of the platform's wheels.
    Pip { platform_tags: &'static [&'static str] },
    /// Node's package manager.
    Npm,
}

/// A file inside an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PinnedFile {
    /// Its path in the archive; it keeps its last part on disk.
    pub member: &'static str,
    /// Its SHA-256, in hex.
    pub sha256: &'static str,
}

impl PinnedFile {
    /// The last part of its path.
    pub(crate) fn name(&self) -> &'static str {
        self.member.rsplit('/').next().unwrap_or(self.member)
    }
}

/// One way to get ONNX Runtime for one platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pin {
    pub platform: Platform,
    pub client: Client,
    /// The version of ONNX Runtime, which is also the version of the package.
    pub version: &'static str,
    /// The published name of the archive.
    pub archive: &'static str,
    /// Its SHA-256, in hex.
    pub archive_sha256: &'static str,
    /// Its size in bytes.
    pub archive_size: u64,
    pub library: PinnedFile,
    /// The files that the library loads from its own folder.
    pub companions: &'static [PinnedFile],
}

const LINUX_X86_64: Platform = Platform { os: Os::Linux, arch: Arch::X86_64 };
const LINUX_ARM64: Platform = Platform { os: Os::Linux, arch: Arch::Aarch64 };
const MACOS_ARM64: Platform = Platform { os: Os::Darwin, arch: Arch::Aarch64 };
const WINDOWS_X86_64: Platform = Platform { os: Os::Windows, arch: Arch::X86_64 };
const WINDOWS_ARM64: Platform = Platform { os: Os::Windows, arch: Arch::Aarch64 };

const WHEEL_VERSION: &str = "1.31.1";
const NPM_VERSION: &str = "1.30.0";

/// The npm package holds the libraries of all platforms.
const fn npm(platform: Platform, library: PinnedFile, companions: &'static [PinnedFile]) -> Pin {
    Pin {
        platform,
        client: Client::Npm,
        version: NPM_VERSION,
        archive: "onnxruntime-node-1.30.0.tgz",
        archive_sha256: "6e3390d6b783e7be946fad629292799da28d0b42f84856e50d2c1b0383291e75",
        archive_size: 113_507_888,
        library,
        companions,
    }
}

/// The pins, best first for each platform.
pub(crate) static PINS: &[Pin] = &[
    Pin {
        platform: LINUX_X86_64,
        client: Client::Pip { platform_tags: &["manylinux_2_28_x86_64", "manylinux_2_27_x86_64"] },
        version: WHEEL_VERSION,
        archive: "onnxruntime-1.31.1-cp312-cp312-manylinux_2_28_x86_64.whl",
        archive_sha256: "1f3dea47f2f0e5117c2404cea7d21fd253ae7836a3bf167a501cdfbb2600d536",
        archive_size: 23_760_988,
        library: PinnedFile {
            member: "onnxruntime/capi/libonnxruntime.so.1.31.1",
            sha256: "fc44112fbe06d7d689c57e11d3862031f64711007e4ee020f8eed5185fd2c1d3",
        },
        companions: &[],
    },
    Pin {
        platform: LINUX_ARM64,
        client: Client::Pip { platform_tags: &["manylinux_2_28_aarch64"] },
        version: WHEEL_VERSION,
        archive: "onnxruntime-1.31.1-cp312-cp312-manylinux_2_28_aarch64.whl",
        archive_sha256: "0b9a492176886992e0e875f06bc0367e333f5fff11711a2d642e18b02f3009cc",
        archive_size: 21_420_803,
        library: PinnedFile {
            member: "onnxruntime/capi/libonnxruntime.so.1.31.1",
            sha256: "8aa3b76b28c778a2b1dd660d34161adb1d508c9ccd04ff9dc80e26eca5df8467",
        },
        companions: &[],
    },
    Pin {
        platform: MACOS_ARM64,
        client: Client::Pip { platform_tags: &["macosx_14_0_arm64"] },
        version: WHEEL_VERSION,
        archive: "onnxruntime-1.31.1-cp312-cp312-macosx_14_0_arm64.whl",
        archive_sha256: "96dd2564b10ea7153ad9c207e7cd8e5917cb3ba521e0e0a62ac03486fdc8d56c",
        archive_size: 20_882_125,
        library: PinnedFile {
            member: "onnxruntime/capi/libonnxruntime.1.31.1.dylib",
            sha256: "d586cbe89effc085a09d3341b3cfbd5c322517f9d397aeb20814af21433f2b36",
        },
        companions: &[],
    },
    Pin {
        platform: WINDOWS_X86_64,
        client: Client::Pip { platform_tags: &["win_amd64"] },
        version: WHEEL_VERSION,
        archive: "onnxruntime-1.31.1-cp312-cp312-win_amd64.whl",
        archive_sha256: "ae8a9a351efda685cc59a66226cdefaa37a126c1d66872ca23a2de9425326130",
        archive_size: 14_888_466,
        library: PinnedFile {
            member: "onnxruntime/capi/onnxruntime.dll",
            sha256: "e45f61e50d8650885452be538a00bb14a715e46a1bc3691000ce947e89ed0306",
        },
        companions: &[],
    },
    Pin {
        platform: WINDOWS_ARM64,
        client: Client::Pip { platform_tags: &["win_arm64"] },
        version: WHEEL_VERSION,
        archive: "onnxruntime-1.31.1-cp312-cp312-win_arm64.whl",
        archive_sha256: "fe8b9ac1ae8e894e12c47ee82e4f6dfc1835768133687257866469fda80d0bf1",
        archive_size: 14_740_724,
        library: PinnedFile {
            member: "onnxruntime/capi/onnxruntime.dll",
            sha256: "dc9e2fe646a72829386a24ac9185a7a4e26d7dbe5dc433d41df063603c00bbc7",
        },
        companions: &[],
    },
    npm(
        LINUX_X86_64,
        PinnedFile {
            member: "package/bin/napi-v6/linux/x64/libonnxruntime.so.1",
            sha256: "ffb75a925ba05e47b235bb66e3e3911714a80b328a9c9425539feb204aa32a23",
        },
        &[],
    ),
    npm(
        LINUX_ARM64,
        PinnedFile {
            member: "package/bin/napi-v6/linux/arm64/libonnxruntime.so.1",
            sha256: "1f549d46250b005580b597f4164984aaf75b3bcb9f3aeb07c7f8a8fe60b23c76",
        },
        &[],
    ),
    npm(
        MACOS_ARM64,
        PinnedFile {
            member: "package/bin/napi-v6/darwin/arm64/libonnxruntime.1.30.0.dylib",
            sha256: "685d2be5dba1309c89d3a5324b7fd06a5c42f1a61bfea32d14c4cc28d072121d",
        },
        &[],
    ),
    // On Windows this build loads DirectML.dll when that provider is requested, and Windows' own may be too old.
    npm(
        WINDOWS_X86_64,
        PinnedFile {
            member: "package/bin/napi-v6/win32/x64/onnxruntime.dll",
            sha256: "508c362f5673483dd3a086379c392795b2e42d10d5e6f3f90ebd7ac21c97af67",
        },
        &[PinnedFile {
            member: "package/bin/napi-v6/win32/x64/DirectML.dll",
            sha256: "234e8898778cdec88d3cb0539508273494082812c968699f3de665a018971625",
        }],
    ),
    npm(
        WINDOWS_ARM64,
        PinnedFile {
            member: "package/bin/napi-v6/win32/arm64/onnxruntime.dll",
            sha256: "6c3a2abf5c6aca11c48a0d338a91af309f2266f25ce2e4084e6a87bbcb0fbfd0",
        },
        &[PinnedFile {
            member: "package/bin/napi-v6/win32/arm64/DirectML.dll",
            sha256: "aaf72a9d55aa123e0708d957d30dd4fbeb7a2e335ec6257ed5ff4261a402b9ee",
        }],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pin_is_complete_and_of_an_accepted_version() {
        for pin in PINS {
            let checksums = pin.companions.iter().chain([&pin.library]).map(|file| file.sha256);
            for sha256 in checksums.chain([pin.archive_sha256]) {
                assert!(
                    sha256.len() == 64 && sha256.bytes().all(|b| b.is_ascii_hexdigit()),
                    "{}",
                    pin.archive
                );
            }
            assert!(pin.platform.is_library_name(pin.library.name()), "{}", pin.archive);
            assert!(
                pin.companions.iter().all(|file| pin.platform.is_companion_name(file.name())),
                "{}",
                pin.archive
            );
            assert!(pin.archive.contains(pin.version) && pin.archive_size > 10_000_000, "{}", pin.archive);
        }
    }
}
