"""What a program is for, by files made here: programs of other systems cannot be built on this one.

Invariant: a file that fits no package is refused with its name and the reason.
"""

import struct
import unittest

import place
import program


def mach_o(processor, *commands):
    head = struct.pack("<IIIIIIII", 0xFEEDFACF, processor, 0, 2, len(commands), sum(map(len, commands)), 0, 0)
    return head + b"".join(commands)


def built_for(major, minor):
    return struct.pack("<IIIIII", 0x32, 24, 1, major << 16 | minor << 8, 0, 0)


def oldest(major, minor):
    return struct.pack("<IIII", 0x24, 16, major << 16 | minor << 8, 0)


def pe(machine):
    return b"MZ" + bytes(0x3A) + struct.pack("<I", 0x80) + bytes(0x40) + b"PE\0\0" + struct.pack("<H", machine) + bytes(64)


OTHER_COMMAND = struct.pack("<II", 0x19, 16) + bytes(8)


class Programs(unittest.TestCase):
    def read(self, data):
        path = place.folder("program") / "fimble"
        path.write_bytes(data)
        return program.read(path)

    def test_programs_for_macos(self):
        found = self.read(mach_o(0x0100000C, OTHER_COMMAND, built_for(11, 3)))
        self.assertEqual(found.platform, "darwin-arm64")
        self.assertEqual(found.wheel_tag, "macosx_11_0_arm64")
        self.assertEqual(found.rust_target, "aarch64-apple-darwin")
        found = self.read(mach_o(0x01000007, oldest(10, 12)))
        self.assertEqual((found.platform, found.wheel_tag), ("darwin-x64", "macosx_10_12_x86_64"))

    def test_programs_for_windows(self):
        found = self.read(pe(0x8664))
        self.assertEqual((found.platform, found.wheel_tag, found.file_name), ("win32-x64", "win_amd64", "fimble.exe"))
        self.assertEqual(self.read(pe(0xAA64)).wheel_tag, "win_arm64")

    def test_programs_for_linux(self):
        found = program.read(place.FIMBLE)
        self.assertTrue(found.runs_here)
        # The tool of binutils reads the same table.
        names = place.run(["objdump", "-p", place.FIMBLE])
        versions = [tuple(map(int, text.split(".")[1:2])) for text in names.split() if text.startswith("GLIBC_2.")]
        self.assertEqual(found.least, (2, *max(versions)))

    def test_what_fits_no_package_is_refused(self):
        elf = b"\x7fELF\x02\x01" + bytes(12)
        for data, reason in (
            (b"#!/bin/sh\n", "is no program"),
            (b"", "is no program"),
            (elf + struct.pack("<H", 0x28) + bytes(44), "a processor that has no package"),
            (elf + struct.pack("<H", 0x3E) + bytes(44), "no version of glibc"),
            (elf + struct.pack("<H", 0x3E) + bytes(4), "cut off"),
            (mach_o(0x0100000C, OTHER_COMMAND), "which macOS"),
            (mach_o(0x0100000C, OTHER_COMMAND)[:36], "cut off"),
            (b"MZ" + bytes(8), "cut off"),
        ):
            with self.assertRaisesRegex(program.NoProgram, f"fimble.*{reason}"):
                self.read(data)
