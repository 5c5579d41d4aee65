/**
 * Endorsements that the platform does not give along: from files, and from whoever serves them by HTTP.
 *
 * Nothing that comes is believed, so it does not matter from whom; only that it is bounded, and that a server that does not answer does
 * not hold up the launch.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { type EndorsementFiles, mergeEndorsements, readEndorsements } from './endorsement-files.ts';
import { CollectionError, reasonOf } from './error.ts';
import { readBounded } from './files.ts';

const answerMs = 10_000;
const attemptsMax = 3;
const pauseMs = 200;
const bytesMax = 1024 * 1024;

/** What is at these paths and URLs. One that gives nothing of a known form is an error. */
export async function fetchEndorsements(places: readonly string[]): Promise<EndorsementFiles> {
  return mergeEndorsements(await Promise.all(places.map(fetchFrom)));
}

async function fetchFrom(place: string): Promise<EndorsementFiles> {
  try {
    return /^https?:/.test(place)
      ? await persist(attemptsMax, () => get(place))
      : known(await readBounded(place, bytesMax));
  } catch (error) {
    throw new CollectionError({ code: 'NO_ENDORSEMENTS', from: place, reason: reasonOf(error) });
  }
}

function known(bytes: Uint8Array): EndorsementFiles {
  const found = readEndorsements(bytes);
  if (found === undefined) throw new Error('no endorsements of a known form');
  return found;
}

/** Clouds' metadata services want to see that they are meant; Intel's server has the chains of issuers in headers. */
async function get(url: string): Promise<EndorsementFiles> {
  const { body, headers } = await request(url, { headers: { Metadata: 'true' } });
  const chains = [...headers].filter(([name]) => name.endsWith('-issuer-chain'));
  return mergeEndorsements([known(body), ...chains.map(([, chain]) => known(Buffer.from(chain)))]);
}

/** Tries so many times, longer and longer apart: a server that has just started, or has too many guests, is not helped by haste. */
export async function persist<T>(
  attempts: number,
  work: () => Promise<T>,
  wait: (ms: number) => Promise<unknown> = pause,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt === attempts) throw error;
    }
    await wait(pauseMs * 2 ** (attempt - 1));
  }
}

/** A bounded answer with status 200. */
export async function request(
  url: string,
  init: Omit<RequestInit, 'signal'> = {},
): Promise<{ readonly body: Uint8Array; readonly headers: Headers }> {
  const response = await fetch(url, { ...init, signal: AbortSignal.timeout(answerMs) });
  if (!response.ok) {
    await response.body?.cancel();
    throw new Error(`status ${response.status}`);
  }
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > bytesMax) throw new Error(`more than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return { body: new Uint8Array(Buffer.concat(chunks)), headers: response.headers };
}
