/**
 * Reports of trusted security modules, as Linux offers them to confidential guests below `/sys/kernel/config/tsm/report`.
 * Documentation/ABI/testing/configfs-tsm-report; from Linux 6.7.
 *
 * A folder is a request: what is written to `inblob` is what `outblob` reports. `generation` counts the writes, so whoever reads 1 there,
 * after reading the report, has read that of their own and only write.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { CollectionError, reasonOf } from './error.ts';
import { errnoOf, type Files } from './files.ts';

export const tsmFolder = '/sys/kernel/config/tsm/report';

export interface TsmReport {
  readonly provider: string;
  readonly report: Uint8Array;
  /** What the host gave along; empty if nothing. */
  readonly auxiliary: Uint8Array;
}

const inputBytes = 64;
const attemptsMax = 8;
/** Another request is under way, or was, when this one was read. */
const busy = ['EBUSY', 'EAGAIN', 'EINTR', 'ETIMEDOUT'];

/** The report over `data`, of at most 64 bytes, which zeros follow. */
export async function readTsmReport(folder: string, data: Uint8Array, files: Files): Promise<TsmReport> {
  const input = new Uint8Array(inputBytes);
  input.set(data);
  let reason = '';
  for (let attempt = 1; attempt <= attemptsMax; attempt++) {
    const request = join(folder, `coppice-${randomBytes(8).toString('hex')}`);
    try {
      await files.makeFolder(request);
    } catch (error) {
      throw new CollectionError({ code: 'NO_EVIDENCE', from: folder, reason: reasonOf(error) });
    }
    try {
      const found = await readRequest(request, input, files);
      if (found !== undefined) return found;
      reason = 'somebody else writes to it';
    } catch (error) {
      reason = reasonOf(error);
      if (!busy.includes(errnoOf(error) ?? ''))
        throw new CollectionError({ code: 'NO_EVIDENCE', from: folder, reason });
    } finally {
      await files.removeFolder(request).catch(() => undefined);
    }
    await pause(Math.min(1000, 5 * 2 ** attempt));
  }
  throw new CollectionError({ code: 'BUSY', from: folder, reason });
}

/** `undefined`: the report may be over somebody else's data. */
async function readRequest(request: string, input: Uint8Array, files: Files): Promise<TsmReport | undefined> {
  await files.write(join(request, 'inblob'), input);
  const report = await files.read(join(request, 'outblob'));
  const auxiliary = await files.read(join(request, 'auxblob')).catch((error: unknown) => {
    // There is none where the host gives nothing.
    if (errnoOf(error) === 'ENOENT') return new Uint8Array(0);
    throw error;
  });
  const [provider, generation] = await Promise.all(
    ['provider', 'generation'].map(async (name) =>
      Buffer.from(await files.read(join(request, name)))
        .toString()
        .trim(),
    ),
  );
  return generation === '1' ? { provider: provider!, report, auxiliary } : undefined;
}
