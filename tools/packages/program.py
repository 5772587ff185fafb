"""For which system, processor and oldest version of the system a program is, by the bytes of its file.

Invariant: a file that is no program for one of the known platforms is refused, with the reason.
"""

import platform
import struct
import sys
from typing import NamedTuple

MACHINES = {
    "linux": {0x3E: "x64", 0xB7: "arm64"},
    "darwin": {0x0100_0007: "x64", 0x0100_000C: "arm64"},
    "win32": {0x8664: "x64", 0xAA64: "arm64"},
}
RUST_TARGETS = {
    "linux-x64": "x86_64-unknown-linux-gnu",
    "linux-arm64": "aarch64-unknown-linux-gnu",
    "darwin-x64": "x86_64-apple-darwin",
    "darwin-arm64": "aarch64-apple-darwin",
    "win32-x64": "x86_64-pc-windows-msvc",
    "win32-arm64": "aarch64-pc-windows-msvc",
}
# The names that wheels have for processors.
WHEEL_MACHINES = {
    "linux": {"x64": "x86_64", "arm64": "aarch64"},
    "darwin": {"x64": "x86_64", "arm64": "arm64"},
    "win32": {"x64": "amd64", "arm64": "arm64"},
}
VERSIONS_NEEDED = 0x6FFFFFFE  # SHT_GNU_verneed
MINIMUM_OF_MACOS, BUILD_VERSION = 0x24, 0x32  # LC_VERSION_MIN_MACOSX, LC_BUILD_VERSION


class NoProgram(Exception):
    """The file is no program that can be packed; the message says why."""


class Program(NamedTuple):
    """What a program runs on, in the words of Node.js (`linux`, `darwin`, `win32`; `x64`, `arm64`)."""

    system: str
    machine: str
    # The oldest glibc or macOS that has what the program needs; nothing for Windows.
    least: tuple = ()

    @property
    def platform(self):
        """The name that the packages of npm and VS Code have."""
        return f"{self.system}-{self.machine}"

    @property
    def rust_target(self):
        return RUST_TARGETS[self.platform]

    @property
    def file_name(self):
        return "fimble.exe" if self.system == "win32" else "fimble"

    @property
    def wheel_tag(self):
        """The platform tag of a wheel."""
        machine = WHEEL_MACHINES[self.system][self.machine]
        if self.system == "win32":
            return f"win_{machine}"
        major, minor = self.least
        if self.system == "linux":
            return f"manylinux_{major}_{minor}_{machine}"
        # From macOS 11 on, tags name the major version only.
        return f"macosx_{major}_{0 if major > 10 else minor}_{machine}"

    @property
    def runs_here(self):
        machine = {"amd64": "x64", "x86_64": "x64", "aarch64": "arm64", "arm64": "arm64"}.get(platform.machine().lower())
        return (self.system, self.machine) == (sys.platform, machine)


def read(path):
    """What the program at `path` runs on."""
    data = path.read_bytes()
    try:
        if data[:6] == b"\x7fELF\x02\x01":
            return Program("linux", _machine("linux", struct.unpack_from("<H", data, 18)[0]), _least_glibc(data))
        if data[:4] == b"\xcf\xfa\xed\xfe":
            return Program("darwin", _machine("darwin", struct.unpack_from("<I", data, 4)[0]), _least_macos(data))
        if data[:2] == b"MZ":
            at = struct.unpack_from("<I", data, 0x3C)[0]
            if data[at : at + 4] == b"PE\0\0":
                return Program("win32", _machine("win32", struct.unpack_from("<H", data, at + 4)[0]))
    except (struct.error, IndexError):
        raise NoProgram(f"{path} is cut off.") from None
    except NoProgram as error:
        raise NoProgram(f"{path} {error}") from None
    raise NoProgram(f"{path} is no program for 64-bit Linux, macOS or Windows.")


def _machine(system, number):
    if number not in MACHINES[system]:
        raise NoProgram("is for a processor that has no package.")
    return MACHINES[system][number]


def _least_glibc(data):
    """The newest of the versions of glibc whose symbols the program asks for."""
    table, size, count = struct.unpack_from("<Q", data, 0x28) + struct.unpack_from("<HH", data, 0x3A)
    # Name, type, flags, address, offset, size, link, info, alignment, size of an entry.
    sections = [struct.unpack_from("<IIQQQQIIQQ", data, table + size * index) for index in range(count)]
    found = []
    for section in sections:
        if section[1] != VERSIONS_NEEDED:
            continue
        names, at = sections[section[6]][4], section[4]
        for _ in range(section[7]):
            _, n_versions, _, first, following = struct.unpack_from("<HHIII", data, at)
            version_at = at + first
            for _ in range(n_versions):
                *_, name, step = struct.unpack_from("<IHHII", data, version_at)
                start = names + name
                text = data[start : data.index(b"\0", start)].decode()
                if text.startswith("GLIBC_2."):
                    found.append(tuple(int(part) for part in text.removeprefix("GLIBC_").split(".")[:2]))
                version_at += step
            at += following
    if not found:
        raise NoProgram("asks for no version of glibc: packages are for programs that are linked with it.")
    return max(found)


def _least_macos(data):
    n_commands, at = struct.unpack_from("<I", data, 16)[0], 32
    for _ in range(n_commands):
        command, size = struct.unpack_from("<II", data, at)
        if command in (MINIMUM_OF_MACOS, BUILD_VERSION):
            version = struct.unpack_from("<I", data, at + (8 if command == MINIMUM_OF_MACOS else 12))[0]
            return version >> 16, version >> 8 & 0xFF
        at += size
    raise NoProgram("does not say which macOS it needs.")
