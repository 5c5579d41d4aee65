/**
 * Evidence of Confidential Containers, from the attestation agent's HTTP interface in the pod:
 * `GET /aa/evidence?runtime_data=…&encoding=base64`. guest-components, api-server-rest.
 *
 * The data is reported as it is, not hashed, and what comes depends on the hardware: a quote of TDX, or a report of SEV-SNP as a JSON
 * object of its fields, which is put together again, since its bytes are what is signed.
 */
import { CollectionError, reasonOf } from './error.ts';
import { persist, request } from './fetch.ts';

export const agentUrl = 'http://127.0.0.1:8006';

const attemptsMax = 5;

/** The JSON that the agent answers with. */
export async function readAgentEvidence(url: string, data: Uint8Array): Promise<Readonly<Record<string, unknown>>> {
  const query = new URLSearchParams({ runtime_data: Buffer.from(data).toString('base64'), encoding: 'base64' });
  const failed = (reason: string): CollectionError => new CollectionError({ code: 'NO_EVIDENCE', from: url, reason });
  const answer = await persist(attemptsMax, async (): Promise<unknown> => {
    const { body } = await request(`${url}/aa/evidence?${query.toString()}`);
    return JSON.parse(Buffer.from(body).toString('utf8'));
  }).catch((error: unknown) => {
    throw failed(reasonOf(error));
  });
  if (typeof answer !== 'object' || answer === null) throw failed('no evidence of a known form');
  return answer as Readonly<Record<string, unknown>>;
}
