import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Have a file with this content on disk, readable by its owner alone: complete, or not at all.
 *
 * @param {string} path
 * @param {Buffer} content
 * @throws {Error} of the file system; the file is as before then.
 */
export function writeDurably(path, content) {
  const part = `${path}.part`;
  try {
    const file = openSync(part, "w", 0o600);
    try {
      for (let written = 0; written < content.length; ) written += writeSync(file, content, written);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(part, path);
  } catch (error) {
    rmSync(part, { force: true });
    throw error;
  }
  const directory = openSync(dirname(path), "r");
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
