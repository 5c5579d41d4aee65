/**
 * The recovered log as files, of which each founder gets a copy.
 */
import { rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Constitution, encrypts } from '@coppice/governance';
import type { Succession } from '@coppice/host';
import { InstanceVault, Readers, type ReadItem } from '@coppice/node';
import { openLedger } from '@coppice/storage';
import type { Digest } from '@coppice/wire';

/** Bytes that wait for the disk. */
const pendingBytesMax = 16 * 1024 * 1024;

/** Writes these records as a ledger of `service`. Throws StorageError. */
async function writeLedger(
  folder: string,
  options: { readonly service: Digest; readonly vault: InstanceVault | undefined },
  records: Iterable<ReadItem>,
): Promise<void> {
  const { ledger } = openLedger(folder, options);
  const synced = (): Promise<void> =>
    new Promise((resolve, reject) => ledger.sync((error) => (error === undefined ? resolve() : reject(error))));
  for (const item of records) {
    if (item.kind !== 'record') break;
    const { payload, sequence, type } = item.record;
    ledger.append({ type, sequence, payload });
    if (ledger.bytesPending > pendingBytesMax) await synced();
  }
  await synced();
  await new Promise<void>((resolve, reject) =>
    ledger.close((error) => (error === undefined ? resolve() : reject(error))),
  );
}

/** Writes the log of `records`: encrypted to the founders, and to those to whom the constitution has instances encrypt, if any. */
export function historyProvider(
  workFolder: string,
  constitution: Constitution,
  records: () => Iterable<ReadItem>,
): { readonly provide: Succession['provide']; readonly clean: () => void } {
  const written = join(resolve(workFolder), 'recovered');
  return {
    async provide(service, sealingKeys) {
      // What an attempt that failed left there is of another service.
      rmSync(written, { recursive: true, force: true });
      const { keys, sharing } = new Readers(constitution);
      const readers = { keys: [...keys, ...sealingKeys], sharing };
      const journal = { warn: () => undefined };
      const vault = encrypts(constitution) ? new InstanceVault({ readers, journal }) : undefined;
      await writeLedger(written, { service, vault }, records());
      return written;
    },
    clean: () => rmSync(written, { recursive: true, force: true }),
  };
}
