/** Files of a release that others made: of bounded size, and no devices. */
import { readFileSync, statSync } from 'node:fs';

/** No file of a release is larger. */
export const fileBytesMax = 1 << 28;

/** `undefined`: there is no file, or it has more than `bytesMax` bytes. */
export function readBounded(path: string, bytesMax = fileBytesMax): Buffer | undefined {
  const status = statSync(path, { throwIfNoEntry: false });
  return status?.isFile() === true && status.size <= bytesMax ? readFileSync(path) : undefined;
}
