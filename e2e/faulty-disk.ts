/**
 * Loaded before a replica's program (`node --import`), for tests only: the file system calls of its ledger fail, stop short or take their
 * time, as the file `faults.json` in the instance's folder says from one moment to the next. The program itself is what any replica runs.
 */
import fs from 'node:fs';
import { dirname, join } from 'node:path';

export interface DiskFaults {
  /** Error codes, such as EIO, by call: each fails once, or as often as `times` says. */
  readonly failing?: Readonly<Partial<Record<'writev' | 'fdatasync' | 'fsync', string>>>;
  readonly times?: number;
  /** Each sync takes so much longer. */
  readonly delayMs?: number;
  /** Each write takes only a part of what it is given. */
  readonly short?: boolean;
  /** The next write takes a part, and then there is no process any more. */
  readonly torn?: boolean;
}

type Callback = (error: Error | null, value?: number) => void;

const settings = process.argv[2];
if (settings?.endsWith('settings.json') === true) install(join(dirname(settings), 'faults.json'));

function install(file: string): void {
  let failed = 0;
  const faults = (): DiskFaults => {
    try {
      return JSON.parse(fs.readFileSync(file, 'utf8')) as DiskFaults;
    } catch {
      return {};
    }
  };
  /** Whether the call is answered with an error. */
  const fails = (call: 'writev' | 'fdatasync' | 'fsync', callback: Callback): boolean => {
    const { failing = {}, times = 1 } = faults();
    const code = failing[call];
    if (code === undefined || failed >= times) return false;
    failed += 1;
    setImmediate(() => callback(Object.assign(new Error(code), { code })));
    return true;
  };
  const { fdatasync, fsync, writev } = fs;
  const syncing =
    (call: 'fdatasync' | 'fsync', real: (fd: number, callback: Callback) => void) =>
    (fd: number, callback: Callback): void => {
      if (!fails(call, callback)) setTimeout(() => real(fd, callback), faults().delayMs ?? 0);
    };
  Object.assign(fs, {
    fdatasync: syncing('fdatasync', fdatasync),
    fsync: syncing('fsync', fsync),
    writev(fd: number, buffers: readonly Uint8Array[], offset: number, callback: Callback): void {
      if (fails('writev', callback)) return;
      const [first] = buffers;
      if (faults().torn === true && first !== undefined) {
        fs.writeSync(fd, first, 0, 1 + (first.length >> 1), offset);
        process.kill(process.pid, 'SIGKILL');
      }
      const part =
        faults().short === true && first !== undefined ? [first.subarray(0, 1 + (first.length >> 1))] : buffers;
      writev(fd, part, offset, callback);
    },
  });
}
