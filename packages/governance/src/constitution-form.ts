/**
 * What a constitution says, field by field: the source of its types, its JSON schema and its bounds.
 *
 * The document is versioned by `format`: later formats add fields, none changes the meaning of an old one.
 */
import { limits } from '@coppice/wire';
import { flag, identifier, integer, line, listOf, object, octets, versioned, word, wordOr } from './form.ts';

const day = 24 * 3600 * 1000;
/** The longest duration that can be set. */
const durationMax = 3650 * day;

const milliseconds = (minimum: number, description: string) => integer(minimum, durationMax, description);
const name = (description: string) => line(limits.nameBytes, description);
const id = (description: string) => identifier(limits.nameBytes, description);
export const key = (description: string) => octets(32, 32, description);
export const roles = listOf(id('A role that commands of the service can ask for.'), 0, 16, 'Roles; default: none.');

export const memberForm = object(
  { name: name('For people.'), key: key('Ed25519 public key: signs ballots and the genesis document.') },
  { roles },
  'A member of the consortium.',
);

export const clientForm = object(
  { name: name('For people.'), key: key('Ed25519 public key: signs requests.') },
  { roles },
  'A client of the service.',
);

const auditorForm = object(
  {
    name: name('For people.'),
    key: octets(32, 32, 'X25519 public key: what instances write to their disks is encrypted to it.'),
  },
  {},
  'Somebody who can read the ledgers on the disks.',
);

export const auditorsForm = listOf(
  auditorForm,
  1,
  32,
  'Who can read what instances write to their disks, which is encrypted to them. Default: nobody in particular, in the clear, for good.',
);

/** With as many auditors as there may be, they fill a key file. spec/storage.md. */
const recoveryKeysMax = 32;

export const recoveryForm = object(
  {
    threshold: integer(2, recoveryKeysMax, 'k: so many of these members can open a file together.'),
    keys: listOf(
      object(
        {
          member: key('Ed25519 public key of a member.'),
          key: octets(32, 32, 'X25519 public key: the member’s shares are encrypted to it.'),
        },
        {},
        'A member’s key of recovery.',
      ),
      2,
      recoveryKeysMax,
      'Of members who have one.',
    ),
  },
  {},
  'Members who can read, any k of them together, what instances write to their disks. Default: none.',
);

const threshold = (description: string) =>
  wordOr(['all', 'majority'], integer(1, limits.members, 'This many members.'), description);

/** Thresholds that members can change while the service runs. */
export const thresholdForms = {
  members: threshold('Who is a member. Not below any other but genesis; default: as high as the highest of them.'),
  memberKeys: threshold(
    'A member’s new key, which its old one signs for; may be 1, and is by default: nobody else gains by it.',
  ),
  releases: threshold('What instances are launched from: approval, retirement, reference values; default: majority.'),
  clients: threshold('Clients of the service, and roles; default: majority.'),
  parameters: threshold('Parameters of the policy; default: majority.'),
  platforms: threshold('What is accepted of platforms; default: majority.'),
  thresholds: threshold('Thresholds. Not below any other but genesis; default: as high as the highest of them.'),
  earlyTurn: threshold('An early turn; default: majority.'),
};

export const badMembersForm = integer(
  0,
  limits.members - 1,
  'How many members may collude against the others; default: 0.',
);

const thresholds = object(
  {},
  {
    genesis: threshold(
      'Members whose signatures found the service; default: all. A number must exceed half of the members by more than ' +
        'badMembersTolerated, or two services could be founded on one constitution. Without effect once it is founded.',
    ),
    ...thresholdForms,
  },
  'How many members an action needs: a number, all, or a majority, which is more than half of them and as many as may be bad.',
);

const cap = (of: string) => integer(1, limits.slots, `At most this many slots share one ${of}`);

const caps = object(
  {},
  {
    platform: cap('TEE platform; default: f.'),
    provider: cap('cloud provider; default: f.'),
    engineFamily: cap('family of JavaScript engines; default: f.'),
    variant: cap('variant; default: f.'),
    chip: cap('chip; default: 1.'),
  },
  'How many slots may share what can break at once. A cap above its default weakens the service, and its status says so.',
);

const generationName = line(limits.nameBytes, 'As the platform names its generations of processors.');

const generation = object(
  { name: generationName },
  {
    minimumTcb: listOf(
      object(
        {
          component: id('As the platform names the parts of its trusted computing base.'),
          version: integer(0, Number.MAX_SAFE_INTEGER, 'The least version of it.'),
        },
        {},
        'A component and its least version.',
      ),
      0,
      32,
      'Least versions; default: none are asked for.',
    ),
  },
  'A generation of processors; those that are not listed are not accepted.',
);

export const platformName = id('A platform that this version can verify: see reference/platforms.');

/** What is accepted of one platform. */
export const platformForm = object(
  {
    name: platformName,
    generations: listOf(generation, 1, 32, 'Accepted generations of its processors.'),
  },
  {
    statuses: listOf(
      line(limits.nameBytes, 'A status, as the platform names it.'),
      1,
      8,
      'Accepted TCB statuses; default: up-to-date only.',
    ),
    advisories: listOf(line(limits.nameBytes, 'An advisory.'), 0, 64, 'Advisories that are accepted as mitigated.'),
    deniedGenerations: listOf(
      generationName,
      0,
      32,
      'Generations that are refused, also where they are listed; default: none.',
    ),
    roots: listOf(
      octets(32, 32, 'SHA-256 of a root certificate’s SubjectPublicKeyInfo.'),
      0,
      16,
      'Roots that its evidence may rest on; default: none are named, and those that every release knows count.',
    ),
    collateralAgeMsMax: milliseconds(
      0,
      'How old revocation lists and other collateral may be; default: 0, as old as they are valid.',
    ),
  },
  'A TEE platform that instances may run on.',
);

/** The fields of the policy that members change by name, while the service runs. */
export const policyForms = {
  required: {
    recoveryPeriodMs: milliseconds(1000, 'Every slot gets a new instance within this time: the term of an instance.'),
    platforms: listOf(platformForm, 1, 16, 'TEE platforms that instances may run on.'),
  },
  optional: {
    turnIntervalMs: milliseconds(1, 'Time from one turn to the next; default: recoveryPeriodMs / (slots + 1).'),
    turnIntervalBatches: integer(
      0,
      Number.MAX_SAFE_INTEGER,
      'A turn is also due after this many batches; default: 0, only by time.',
    ),
    turnDeadlineMs: milliseconds(
      1,
      'A turn whose instance is not seated after this time is reopened with a new challenge; default: half of turnIntervalMs.',
    ),
    sealDeadlineMs: milliseconds(
      1,
      'After this time an epoch whose predecessor is not sealed is dealt with as `unsealed` says; default: turnIntervalMs.',
    ),
    unsealed: word(
      ['wait', 'continue'],
      'Past the seal deadline: wait for the notices of erased keys, or continue, and the ledger says so; default: wait.',
    ),
    overdue: word(
      ['halt', 'continue'],
      'With more vacant slots than faults tolerated: halt, or continue, visibly overdue; default: halt.',
    ),
    variantDistance: integer(
      0,
      4,
      'In how many of runtime, program, engine settings and cryptography an instance differs from the one before it; default: 2, or as many as the first release allows.',
    ),
    waiversMax: integer(
      0,
      2 ** 32 - 1,
      'Turns within a recovery period that may take a variant which does not differ enough, or sat there lately; default: one a slot, or any number where the first release has too few variants.',
    ),
    epochKeys: integer(
      2,
      limits.epochKeys,
      'Epochs that an instance brings keys for, at least; default: two an interval of its term, and 3 · slots.',
    ),
    clockBoundMs: milliseconds(
      1,
      "How far a new header's time may be from a replica's clock, either way; default: 5 seconds.",
    ),
    clientClockBoundMs: milliseconds(
      1,
      'How far headers may lag the times that more than f clients sign; default: one minute.',
    ),
    proposalPeriodMs: milliseconds(1, 'How far ahead a proposal may expire, if it is not decided; default: 14 days.'),
    heartbeatMs: milliseconds(
      1,
      'An idle primary proposes an empty batch after this time; default: one second, or an eighth of turnDeadlineMs.',
    ),
    viewTimeoutMs: milliseconds(1, 'A primary without progress for this time is voted out; default: four heartbeats.'),
    caps,
    checkpointInterval: integer(1, 65_536, 'K: batches from one checkpoint to the next; fixed; default: 64.'),
    window: integer(1, 64, 'W: batches in flight; fixed; default: 8.'),
    batchBytesMax: integer(
      2 * limits.bundleBytes,
      limits.batchBytes,
      'Bytes of a batch; fixed; default: as many as can be encoded.',
    ),
  },
};

const policy = object(policyForms.required, policyForms.optional, 'Policies. All but the fixed ones can be changed.');

export const variantId = id('Names the variant within its release.');
export const platformOfValues = id('A platform of the policy.');
export const measurements = (countMin: number) =>
  listOf(
    octets(16, 1024, 'As evidence of the platform shows it: its measured registers, one after the other.'),
    countMin,
    16,
    'Accepted measurements.',
  );

const variant = object(
  {
    id: variantId,
    engineFamily: id('The JavaScript engine that runs it, such as v8.'),
    referenceValues: listOf(
      object(
        { platform: platformOfValues, measurements: measurements(1) },
        {},
        'What evidence of one platform must show.',
      ),
      1,
      16,
      'What evidence must show, for each platform that the variant can run on.',
    ),
  },
  {
    runtime: versioned(
      limits.nameBytes,
      'The JavaScript runtime that runs it: node@26.10.0; default: unstated@0, whatever its launcher has.',
    ),
    engineSettings: listOf(
      id('A setting that the launcher knows for the runtime: docs/reference/runtimes.md.'),
      0,
      8,
      'Settings of its engine; default: none.',
    ),
    program: octets(32, 32, 'SHA-256 of its program; default: zeros, the one that all variants without it have.'),
    cryptography: id('Who verifies signatures; default: unstated.'),
  },
  'One diversified build of a release.',
);

/** Versions of the service that one release can execute. */
export const servicesMax = 8;

const serviceVersion = (description: string) => integer(0, 2 ** 31 - 1, description);

export const releaseDigest = octets(32, 32, "SHA-256 of the release's manifest.");

export const releaseForm = object(
  {
    digest: releaseDigest,
    variants: listOf(variant, 1, 64, 'Its variants.'),
  },
  {
    protocols: listOf(
      integer(1, 65_535, 'A version.'),
      1,
      16,
      'Versions of the protocol that its replicas speak, ascending; default: 1.',
    ),
    services: listOf(
      object(
        { version: serviceVersion('Of the service.') },
        { script: octets(32, 32, 'SHA-256 of the confined script; default: zeros, unstated.') },
        'A version, and what it is.',
      ),
      1,
      servicesMax,
      'Versions of the service that its replicas can execute, ascending; default: that of `service`.',
    ),
  },
  'A release that the members approve.',
);

export const constitutionForm = object(
  {
    format: integer(1, 1, 'Of this document.'),
    name: name('Of the consortium or its service, for people.'),
    slots: integer(4, limits.slots, 'n: seats for instances. f = ⌊(n − 1) / 3⌋ of them may be faulty.'),
    members: listOf(memberForm, 1, limits.members, 'Who governs.'),
    clients: wordOr(
      ['open'],
      listOf(clientForm, 0, 1024, 'These keys, besides the members.'),
      'Who may send requests: anyone (open), or the members and these keys.',
    ),
    service: object(
      { name: id('As the service defines it.'), version: serviceVersion('The one that it begins with.') },
      {},
      'The service that instances run.',
    ),
    releases: listOf(releaseForm, 1, 32, 'What instances may be launched from; turns launch the last one.'),
    policy,
  },
  {
    development: flag(
      'Allows platforms that prove nothing, such as simulated. Every receipt and status of the service says so; default: false.',
    ),
    auditors: auditorsForm,
    recovery: recoveryForm,
    badMembersTolerated: badMembersForm,
    thresholds,
  },
  'The constitution of a Coppice service.',
);
