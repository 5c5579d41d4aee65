/**
 * A service as it was, for auditors to ask over HTTP. docs/reference/backup.md, "A read-only service".
 *
 * It has no key and no vote, and changes nothing. Whoever can reach it may read everything that the service's queries tell the caller in whose
 * name it answers: it is for this machine, or for a network of auditors.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { decodeKey, encodeKey, encodeOperation } from '@coppice/service';
import { decodePlainCbor, decodeResult, fromLatin1, limits, type PlainValue, toHex, toLatin1 } from '@coppice/wire';
import type { Archive } from './archive.ts';
import { plain } from './commands/request.ts';

const connectionsMax = 64;
const requestMs = 10_000;
const bodyBytesMax = limits.operationBytes;

interface Answer {
  readonly status: number;
  readonly body: object | Uint8Array;
}

const failed = (status: number, code: string, message: string): Answer => ({
  status,
  body: { ok: false, error: { code, message } },
});

export class ArchiveServer {
  readonly #archive: Archive;
  readonly #caller: Uint8Array | undefined;
  readonly #server: Server;

  /** `caller`: in whose name queries are answered. */
  constructor(archive: Archive, caller: Uint8Array | undefined) {
    this.#archive = archive;
    this.#caller = caller;
    this.#server = createServer({ requestTimeout: requestMs, headersTimeout: requestMs }, (request, response) => {
      this.#answer(request).then(
        (answer) => send(response, answer),
        (error: unknown) =>
          send(response, failed(500, 'failed', error instanceof Error ? error.message : String(error))),
      );
    });
    this.#server.maxConnections = connectionsMax;
  }

  listen(port: number, host: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, () => {
        const address = this.#server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : port);
      });
    });
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #answer(request: IncomingMessage): Promise<Answer> {
    const url = new URL(request.url ?? '/', 'http://archive');
    const [kind = '', name = '', ...rest] = url.pathname.slice(1).split('/').map(decoded);
    if (rest.length > 0) return failed(404, 'not-found', 'there is /, /query/NAME and /history/MAP');
    if (kind === '' && request.method === 'GET') return { status: 200, body: this.#status() };
    if (kind === 'query' && name !== '' && request.method === 'POST') {
      const input = await bodyOf(request);
      return input === undefined ? failed(413, 'too-large', 'of the input') : this.#query(name, input);
    }
    if (kind === 'history' && name !== '' && request.method === 'GET') return this.#history(name, url.searchParams);
    return failed(404, 'not-found', 'there is GET /, POST /query/NAME and GET /history/MAP');
  }

  #status(): object {
    const { checkpoint, digest, header, root, service, state } = this.#archive;
    const { sequence, time } = header;
    return {
      ok: true,
      ...{ service: toHex(service), name: state.constitution.name },
      ...{ sequence, time, root: toHex(root), stateDigest: toHex(digest) },
      checkpoint: checkpoint?.certificate.sequence ?? null,
    };
  }

  #query(name: string, text: string): Answer {
    const input = text === '' ? { ok: true as const, value: undefined } : json(text);
    if (!input.ok) return failed(400, 'malformed', 'the input is not JSON');
    const payload = encodeOperation({ command: name, input: input.value });
    const result = decodeResult(this.#archive.query({ target: 'service', payload, caller: this.#caller }));
    const { sequence, time } = this.#archive.header;
    if (!result.ok) return failed(500, 'malformed', result.reason);
    const { value } = result;
    const answer = value.ok ? { ok: true, value: plain(value.value) } : { ok: false, error: value.error };
    return { status: value.ok ? 200 : 422, body: { ...answer, sequence, time } };
  }

  /** `key`: JSON, or text; `at`: a batch; `form=proof`: the document, for `coppice history verify`. */
  #history(map: string, options: URLSearchParams): Answer {
    const [keyText, at, form] = ['key', 'at', 'form'].map((name) => options.get(name) ?? undefined);
    if (keyText === undefined) return failed(400, 'malformed', 'key is missing');
    if (at !== undefined && !/^\d{1,15}$/.test(at)) return failed(400, 'malformed', 'at is a sequence number');
    const bytes = keyOf(keyText);
    if (bytes === undefined) return failed(400, 'malformed', 'key is none that a map can have');
    const shown = this.#archive.history({
      map,
      key: bytes,
      at: at === undefined ? undefined : Number(at),
      caller: this.#caller,
    });
    if (!shown.ok) return failed(404, shown.reason, 'see docs/reference/cli.md, history show');
    if (form === 'proof') return { status: 200, body: shown.document };
    const { value: encoded, key: _, from, until = null, writtenAt = null, checkpoint } = shown.facts;
    const value = encoded === undefined ? undefined : decodePlainCbor(encoded);
    return {
      status: 200,
      body: {
        ok: true,
        map,
        key: decodeKey(toLatin1(bytes)),
        value: value?.ok === true ? plain(value.value) : null,
        present: encoded !== undefined,
        ...{ from, until, writtenAt, checkpoint },
        proof: Buffer.from(shown.document).toString('base64'),
      },
    };
  }
}

function json(text: string): { readonly ok: true; readonly value: PlainValue } | { readonly ok: false } {
  try {
    return { ok: true, value: JSON.parse(text) as PlainValue };
  } catch {
    return { ok: false };
  }
}

/** JSON, or text that is none. */
function keyOf(text: string): Uint8Array | undefined {
  const parsed = json(text);
  try {
    return fromLatin1(encodeKey(parsed.ok ? parsed.value : text));
  } catch {
    return undefined;
  }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** `undefined`: too long. */
async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > bodyBytesMax) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

function send(response: ServerResponse, { body, status }: Answer): void {
  const binary = body instanceof Uint8Array;
  response.writeHead(status, { 'content-type': binary ? 'application/octet-stream' : 'application/json' });
  response.end(binary ? body : `${JSON.stringify(body)}\n`);
}
