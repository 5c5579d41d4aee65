/**
 * Evidence by way of a helper: an executable that can call what this process cannot, such as the device of AWS Nitro Enclaves.
 *
 *     stdin   {"launchDigest":"…","reportData":"…"}                    hexadecimal
 *     stdout  {"mediaType":"…","evidence":"…","endorsements":[{"mediaType":"…","bytes":"…"}]}    base64; endorsements may be left out
 */
import { spawn } from 'node:child_process';
import type { Message } from '@coppice/attestation';
import { toHex } from '@coppice/wire';
import type { CollectionRequest } from './collector.ts';
import { CollectionError } from './error.ts';

/**
 * Where helpers are: in the image, which is measured. Settings are not, so they may only name one: whoever could name any executable, or
 * give it arguments, could run anything beside the instance's keys.
 */
export const helperFolder = '/usr/lib/coppice/helpers';

const answerMs = 60_000;
const bytesMax = 1024 * 1024;

export interface HelperAnswer {
  readonly evidence: Message;
  readonly endorsements: readonly Message[];
}

/** Runs the helper. It is ended where it takes more than a minute or says more than a mebibyte. */
export async function askHelper(
  program: string,
  { launch, reportData }: Pick<CollectionRequest, 'launch' | 'reportData'>,
): Promise<HelperAnswer> {
  const failed = (reason: string): CollectionError =>
    new CollectionError({ code: 'NO_EVIDENCE', from: program, reason });
  const output = await new Promise<string>((resolve, reject) => {
    const child = spawn(program, {
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: answerMs,
      killSignal: 'SIGKILL',
    });
    const [said, complained] = [[] as Buffer[], [] as Buffer[]];
    let length = 0;
    const collect = (into: Buffer[]) => (chunk: Buffer) => {
      length += chunk.length;
      if (length > bytesMax) child.kill('SIGKILL');
      else into.push(chunk);
    };
    child.stdout.on('data', collect(said));
    child.stderr.on('data', collect(complained));
    child.stdin.on('error', () => undefined);
    child.once('error', (error) => reject(failed(error.message)));
    child.once('close', (code, signal) => {
      if (code === 0) return resolve(Buffer.concat(said).toString('utf8'));
      const words = Buffer.concat(complained).toString('utf8').trim().slice(-500);
      reject(failed(`it ended with ${code ?? signal}${words === '' ? '' : `: ${words}`}`));
    });
    child.stdin.end(`${JSON.stringify({ launchDigest: toHex(launch), reportData: toHex(reportData) })}\n`);
  });
  const answer = answerOf(output);
  if (answer === undefined) throw failed('it did not answer in the form of a helper');
  return answer;
}

function answerOf(output: string): HelperAnswer | undefined {
  let source: unknown;
  try {
    source = JSON.parse(output);
  } catch {
    return undefined;
  }
  const fields = fieldsOf(source);
  const evidence = messageOf(fields['mediaType'], fields['evidence']);
  const others = fields['endorsements'] ?? [];
  if (evidence === undefined || !Array.isArray(others)) return undefined;
  const endorsements = others.map((one: unknown) => messageOf(fieldsOf(one)['mediaType'], fieldsOf(one)['bytes']));
  return endorsements.every((one) => one !== undefined) ? { evidence, endorsements } : undefined;
}

const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};

function messageOf(mediaType: unknown, base64: unknown): Message | undefined {
  if (typeof mediaType !== 'string' || typeof base64 !== 'string') return undefined;
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(base64)) return undefined;
  return { mediaType, bytes: new Uint8Array(Buffer.from(base64, 'base64')) };
}
