/**
 * Actions: what members decide on, and which threshold decides. docs/reference/constitution.md, "What members decide".
 */
import { limits } from '@coppice/wire';
import {
  auditorsForm,
  badMembersForm,
  clientForm,
  key,
  measurements,
  memberForm,
  platformForm,
  platformName,
  platformOfValues,
  recoveryForm,
  releaseDigest,
  releaseForm,
  roles,
  thresholdForms,
  variantId,
} from './constitution-form.ts';
import type { Action } from './constitution.ts';
import { choice, integer, listOf, object, octets, scalar, type ValueOf, word } from './form.ts';
import { parameterPaths } from './parameters.ts';

/** Bytes of a signed proof that somebody has a key. */
const proofBytesMax = 512;

export const actionForm = choice(
  {
    'early-turn': object(
      { slot: integer(0, limits.slots - 1, 'A slot.') },
      {},
      'Replaces the instance in a slot before its turn comes.',
    ),
    'set-parameters': object(
      {
        changes: listOf(
          object(
            { path: word(parameterPaths, 'A parameter of the policy.'), value: scalar('Its new value.') },
            {},
            'A change of one parameter.',
          ),
          1,
          parameterPaths.length,
          'Changes that take effect together.',
        ),
      },
      {},
      'Changes parameters of the policy.',
    ),
    'set-platform': object(
      { platform: platformForm },
      {},
      'Sets what is accepted of a platform: in place of what was, or as one more.',
    ),
    'remove-platform': object({ name: platformName }, {}, 'Accepts a platform no more.'),
    'add-member': object({ member: memberForm }, {}, 'Takes somebody in.'),
    'remove-member': object({ key: key('Key of the member.') }, {}, 'Puts a member out. Its ballots stop counting.'),
    'rotate-key': object(
      {
        key: key('The key of the member that proposes this.'),
        successor: key('The key that takes its place.'),
        proof: octets(1, proofBytesMax, 'The successor’s signature on it: a signed possession.'),
      },
      {},
      'Gives a member another key. Ballots of the old one stop counting.',
    ),
    'approve-release': object(
      { release: releaseForm },
      {},
      'Approves a release, which turns launch from then on. Approving one again that is listed puts it last.',
    ),
    'retry-activation': object(
      { release: releaseDigest },
      {},
      'Tries an activation again that failed: of the newest release.',
    ),
    'retire-release': object({ digest: releaseDigest }, {}, 'Takes a release back: its instances are replaced early.'),
    'set-reference-values': object(
      {
        release: releaseDigest,
        values: listOf(
          object(
            { variant: variantId, platform: platformOfValues, measurements: measurements(0) },
            {},
            'Of one variant on one platform: in place of what was; none: it does not run there.',
          ),
          1,
          256,
          'Values that take effect together.',
        ),
      },
      {},
      'Sets what evidence of an approved release must show.',
    ),
    'add-client': object({ client: clientForm }, {}, 'Lets a key send requests, where clients are listed.'),
    'remove-client': object({ key: key('Key of the client.') }, {}, 'Lets a client send requests no more.'),
    'set-roles': object({ key: key('Of a client or a member.'), roles }, {}, 'Grants and takes roles of the service.'),
    'set-auditors': object(
      { auditors: auditorsForm },
      {},
      'Sets whom instances encrypt to what they write from then on, where they encrypt it.',
    ),
    'set-recovery': object(
      { recovery: recoveryForm },
      {},
      'Sets which members can open together what instances write from then on, where they encrypt it.',
    ),
    'set-thresholds': object(
      {},
      { thresholds: object({}, thresholdForms, 'Those that change.'), badMembersTolerated: badMembersForm },
      'Changes thresholds, together.',
    ),
  },
  'What is to be done.',
);

export type GovernanceAction = ValueOf<typeof actionForm>;

/** Which threshold decides on an action. */
export const thresholdFor: Record<GovernanceAction['kind'], Action> = {
  'early-turn': 'earlyTurn',
  'set-parameters': 'parameters',
  'set-platform': 'platforms',
  'remove-platform': 'platforms',
  'add-member': 'members',
  'remove-member': 'members',
  'rotate-key': 'memberKeys',
  'approve-release': 'releases',
  'retry-activation': 'releases',
  'retire-release': 'releases',
  'set-reference-values': 'releases',
  'add-client': 'clients',
  'remove-client': 'clients',
  'set-roles': 'clients',
  'set-auditors': 'members',
  'set-recovery': 'members',
  'set-thresholds': 'thresholds',
};
