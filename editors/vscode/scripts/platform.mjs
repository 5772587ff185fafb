// The platforms of a program, read from the first bytes of its file. Invariant: a file that is no program has none.
import { closeSync, openSync, readSync } from "node:fs";

const ELF = 0x464c457f;
const MACH_O = 0xfeedfacf;
/** Several programs of macOS in one file; its numbers stand the other way round. */
const FAT = 0xbebafeca;
const MZ = 0x5a4d;
const PE = 0x4550;

/** Targets of packages that the program can be packed into. */
export function platformsOf(file) {
  const bytes = Buffer.alloc(4096);
  const descriptor = openSync(file);
  try {
    readSync(descriptor, bytes);
  } finally {
    closeSync(descriptor);
  }
  const known = (system, machine, x64, arm64) => (machine === x64 ? [`${system}-x64`] : machine === arm64 ? [`${system}-arm64`] : []);
  const magic = bytes.readUInt32LE(0);
  if (magic === ELF) return known("linux", bytes.readUInt16LE(18), 0x3e, 0xb7);
  if (magic === MACH_O) return known("darwin", bytes.readUInt32LE(4), 0x1000007, 0x100000c);
  if (magic === FAT) return ["darwin-x64", "darwin-arm64"];
  const at = bytes.readUInt32LE(0x3c);
  if (bytes.readUInt16LE(0) !== MZ || at > bytes.length - 6 || bytes.readUInt32LE(at) !== PE) return [];
  return known("win32", bytes.readUInt16LE(at + 4), 0x8664, 0xaa64);
}
