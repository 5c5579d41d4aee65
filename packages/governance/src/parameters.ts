/**
 * Parameters: the numbers and words of the policy that members can change while the service runs.
 *
 * Three are fixed for good, since replicas that read the change at different times would disagree on the protocol
 * itself: how often checkpoints are, how many batches are in flight, how large one may be.
 */
import type { PlainValue } from '@coppice/wire';
import { capNames, type Constitution, type ConstitutionSource } from './constitution.ts';
import { parseConstitution } from './constitution-document.ts';
import { policyForms } from './constitution-form.ts';
import type { Parsed } from './form.ts';

const fixed = ['checkpointInterval', 'window', 'batchBytesMax'];
const structured = ['platforms', 'caps'];
const excluded = new Set([...fixed, ...structured]);

/** What can be changed: names of the policy's fields, and of its caps as `caps.variant`. */
export const parameterPaths: readonly string[] = [
  ...Object.keys({ ...policyForms.required, ...policyForms.optional }).filter((name) => !excluded.has(name)),
  ...capNames.map((name) => `caps.${name}`),
];

type PlatformSource = ConstitutionSource['policy']['platforms'][number];

export interface ParameterChange {
  readonly path: string;
  readonly value: PlainValue;
}

/** The constitution after the changes, which take effect together: or what would be wrong with it. */
export function withParameters(constitution: Constitution, changes: readonly ParameterChange[]): Parsed<Constitution> {
  for (const [i, { path }] of changes.entries()) {
    if (changes.findIndex((other) => other.path === path) < i) {
      return { ok: false, problems: [{ path: `policy.${path}`, reason: 'is there twice' }] };
    }
  }
  const policy: Record<string, unknown> = { ...constitution.policy };
  const caps: Record<string, unknown> = { ...constitution.policy.caps };
  for (const { path, value } of changes) {
    if (path.startsWith('caps.')) caps[path.slice('caps.'.length)] = value;
    else policy[path] = value;
  }
  return parseConstitution({ ...constitution, policy: { ...policy, caps } });
}

/** The constitution with this policy of a platform, in place of the one of that name, if there is one. */
export function withPlatform(constitution: Constitution, platform: PlatformSource): Parsed<Constitution> {
  const { policy } = constitution;
  const known = policy.platforms.some(({ name }) => name === platform.name);
  const platforms = known
    ? policy.platforms.map((one) => (one.name === platform.name ? platform : one))
    : [...policy.platforms, platform];
  return parseConstitution({ ...constitution, policy: { ...policy, platforms } });
}
