/**
 * Quotes of SGX enclaves that run on Gramine, by its files below `/dev/attestation`. Gramine, "Attestation and Secret Provisioning".
 *
 * What is written to `user_report_data` is what `quote` is over, for the whole process: one request at a time.
 */
import { join } from 'node:path';
import { CollectionError, reasonOf } from './error.ts';
import type { Files } from './files.ts';

export const gramineFolder = '/dev/attestation';

const dataBytes = 64;
let last: Promise<unknown> = Promise.resolve();

/** A quote over `data`, of at most 64 bytes, which zeros follow. */
export function readGramineQuote(folder: string, data: Uint8Array, files: Files): Promise<Uint8Array> {
  const quote = last.then(() => read(folder, data, files));
  last = quote.catch(() => undefined);
  return quote;
}

async function read(folder: string, data: Uint8Array, files: Files): Promise<Uint8Array> {
  const failed = (reason: string): CollectionError =>
    new CollectionError({ code: 'NO_EVIDENCE', from: folder, reason });
  try {
    const type = Buffer.from(await files.read(join(folder, 'attestation_type')))
      .toString()
      .trim();
    if (type !== 'dcap') throw failed(`sgx.remote_attestation is "${type}" and must be "dcap"`);
    const input = new Uint8Array(dataBytes);
    input.set(data);
    await files.write(join(folder, 'user_report_data'), input);
    return await files.read(join(folder, 'quote'));
  } catch (error) {
    throw error instanceof CollectionError ? error : failed(reasonOf(error));
  }
}
