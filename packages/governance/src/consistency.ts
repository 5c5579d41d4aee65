/**
 * What must hold between the fields of a constitution, beyond the bounds of each: checked when it is read, and again
 * before any change takes effect.
 */
import { type Caps, developmentPlatforms, platformNames } from '@coppice/attestation';
import { limits, sameBytes, toHex } from '@coppice/wire';
import { type Constitution, keysNeeded, type Policy, reservedRoles, thresholdOf } from './constitution.ts';
import type { Problem } from './form.ts';

/** Everything in which the fields contradict each other, or ask for what cannot be. */
export function inconsistencies(constitution: Constitution): Problem[] {
  return [
    ...peopleProblems(constitution),
    ...recoveryProblems(constitution),
    ...thresholdProblems(constitution),
    ...platformProblems(constitution),
    ...releaseProblems(constitution),
    ...capProblems(constitution),
    ...timingProblems(constitution.slots, constitution.policy),
  ];
}

function repeated(values: readonly string[], path: (i: number) => string): Problem[] {
  const seen = new Set<string>();
  const problems: Problem[] = [];
  for (const [i, value] of values.entries()) {
    if (seen.has(value)) problems.push({ path: path(i), reason: 'is there twice' });
    seen.add(value);
  }
  return problems;
}

function peopleProblems({ auditors = [], members, clients }: Constitution): Problem[] {
  const listed = clients === 'open' ? [] : clients;
  const people = [...members, ...listed];
  const pathOf = (i: number): string => (i < members.length ? `members[${i}]` : `clients[${i - members.length}]`);
  const problems = [
    ...repeated(
      people.map((one) => one.name),
      (i) => `${pathOf(i)}.name`,
    ),
    ...repeated(
      people.map((one) => toHex(one.key)),
      (i) => `${pathOf(i)}.key`,
    ),
  ];
  for (const field of ['name', 'key'] as const) {
    const values = auditors.map((one) => (field === 'name' ? one.name : toHex(one.key)));
    problems.push(...repeated(values, (i) => `auditors[${i}].${field}`));
  }
  for (const [i, { roles }] of people.entries()) {
    problems.push(...repeated(roles, (k) => `${pathOf(i)}.roles[${k}]`));
    for (const [k, role] of roles.entries()) {
      if (reservedRoles.includes(role)) problems.push({ path: `${pathOf(i)}.roles[${k}]`, reason: 'is reserved' });
    }
  }
  return problems;
}

function recoveryProblems({ members, recovery }: Constitution): Problem[] {
  if (recovery === undefined) return [];
  const { keys, threshold } = recovery;
  const problems: Problem[] = [];
  for (const field of ['member', 'key'] as const) {
    const values = keys.map((one) => toHex(one[field]));
    problems.push(...repeated(values, (i) => `recovery.keys[${i}].${field}`));
  }
  for (const [i, { member }] of keys.entries()) {
    if (!members.some(({ key }) => sameBytes(key, member)))
      problems.push({ path: `recovery.keys[${i}].member`, reason: 'is no member’s key' });
  }
  if (threshold > keys.length)
    problems.push({ path: 'recovery.threshold', reason: `is more than the ${keys.length} keys of recovery` });
  return problems;
}

/** Whoever has this many members can make members and thresholds of their own, and so have anything. */
const supreme = ['members', 'thresholds'] as const;

function thresholdProblems(constitution: Constitution): Problem[] {
  const { members, badMembersTolerated: bad, thresholds } = constitution;
  if (bad >= members.length) return [{ path: 'badMembersTolerated', reason: 'must leave a member' }];
  const problems: Problem[] = [];
  for (const action of Object.keys(thresholds) as (keyof typeof thresholds)[]) {
    const needed = thresholdOf(constitution, action);
    const path = `thresholds.${action}`;
    if (needed > members.length) problems.push({ path, reason: `is more than the ${members.length} members` });
    // A member that changes its own key gets nobody a vote that it had not.
    if (needed <= bad && action !== 'memberKeys') {
      problems.push({ path, reason: 'could be reached by the bad members alone' });
    }
    for (const one of action === 'genesis' ? [] : supreme) {
      if (thresholdOf(constitution, one) < needed)
        problems.push({ path: `thresholds.${one}`, reason: `must not be below that for ${action}` });
    }
  }
  // Two sets of this many members share more than the bad ones, so an honest member, who signs one genesis only.
  const founding = thresholdOf(constitution, 'genesis');
  if (founding !== members.length && founding <= members.length / 2 + bad) {
    const reason = 'must be all, or more than half of the members and the bad ones besides';
    problems.push({ path: 'thresholds.genesis', reason });
  }
  return problems;
}

function platformProblems({ development, policy }: Constitution): Problem[] {
  const problems = repeated(
    policy.platforms.map((platform) => platform.name),
    (i) => `policy.platforms[${i}].name`,
  );
  for (const [i, { name, generations, deniedGenerations }] of policy.platforms.entries()) {
    const path = `policy.platforms[${i}]`;
    if (!platformNames.includes(name))
      problems.push({ path: `${path}.name`, reason: 'is no platform of this version' });
    if (developmentPlatforms.includes(name) && !development) {
      problems.push({ path: `${path}.name`, reason: 'proves nothing: for constitutions that say "development": true' });
    }
    problems.push(
      ...repeated(
        generations.map((generation) => generation.name),
        (k) => `${path}.generations[${k}].name`,
      ),
    );
    problems.push(...repeated(deniedGenerations, (k) => `${path}.deniedGenerations[${k}]`));
    for (const [k, { minimumTcb }] of generations.entries()) {
      problems.push(
        ...repeated(
          minimumTcb.map((part) => part.component),
          (j) => `${path}.generations[${k}].minimumTcb[${j}].component`,
        ),
      );
    }
  }
  return problems;
}

function releaseProblems({ releases, policy }: Constitution): Problem[] {
  const listed = new Set(policy.platforms.map((platform) => platform.name));
  const problems = repeated(
    releases.map((release) => toHex(release.digest)),
    (i) => `releases[${i}].digest`,
  );
  for (const [i, { protocols, services, variants }] of releases.entries()) {
    if (!ascend(protocols)) problems.push({ path: `releases[${i}].protocols`, reason: 'must ascend' });
    if (!ascend(services.map(({ version }) => version)))
      problems.push({ path: `releases[${i}].services`, reason: 'must ascend' });
    problems.push(
      ...repeated(
        variants.map((variant) => variant.id),
        (k) => `releases[${i}].variants[${k}].id`,
      ),
    );
    for (const [k, { referenceValues }] of variants.entries()) {
      const path = (j: number): string => `releases[${i}].variants[${k}].referenceValues[${j}].platform`;
      const platforms = referenceValues.map((values) => values.platform);
      problems.push(...repeated(platforms, path));
      for (const [j, platform] of platforms.entries()) {
        if (!listed.has(platform)) problems.push({ path: path(j), reason: 'is no platform of the policy' });
      }
    }
  }
  return problems;
}

function ascend(versions: readonly number[]): boolean {
  return versions.every((version, i) => i === 0 || versions[i - 1]! < version);
}

/** A cap that the listed values cannot meet would only show when genesis fails. */
function capProblems({ slots, policy, releases }: Constitution): Problem[] {
  const variants = releases.flatMap((release) => release.variants);
  const values: Partial<Record<keyof Caps, number>> = {
    platform: policy.platforms.length,
    engineFamily: new Set(variants.map((variant) => variant.engineFamily)).size,
    variant: new Set(variants.map((variant) => variant.id)).size,
  };
  const problems: Problem[] = [];
  for (const name of Object.keys(policy.caps) as (keyof Caps)[]) {
    const path = `policy.caps.${name}`;
    const cap = policy.caps[name];
    const known = values[name];
    if (cap > slots) {
      problems.push({ path, reason: `is more than the ${slots} slots` });
    } else if (known !== undefined && known * cap < slots) {
      const reason = `allows ${cap} of ${slots} slots each, but ${known} can be had: list more, or raise the cap`;
      problems.push({ path, reason });
    }
  }
  return problems;
}

function timingProblems(slots: number, policy: Policy): Problem[] {
  const problems: Problem[] = [];
  const require = (holds: boolean, field: keyof Policy, reason: string): void => {
    if (!holds) problems.push({ path: `policy.${field}`, reason });
  };
  const { recoveryPeriodMs, turnIntervalMs, turnDeadlineMs } = policy;
  // In an interval there is time for a prompt turn and for the scheduled one, even if neither seats anybody. [turns.md]
  require(2 * turnDeadlineMs <= turnIntervalMs, 'turnDeadlineMs', 'must not exceed half of turnIntervalMs');
  const round = slots * turnIntervalMs + 2 * turnDeadlineMs;
  require(round <= recoveryPeriodMs, 'recoveryPeriodMs', `must cover a turn of every slot: at least ${round}`);
  const keys = keysNeeded(slots, recoveryPeriodMs, turnIntervalMs);
  if (keys <= limits.epochKeys) {
    require(policy.epochKeys >= keys, 'epochKeys', `must cover the epochs of a term: at least ${keys}`);
  } else {
    require(false, 'turnIntervalMs', `would need ${keys} keys an instance: at most ${limits.epochKeys} can be had`);
  }
  require(policy.heartbeatMs < policy.viewTimeoutMs, 'viewTimeoutMs', 'must exceed heartbeatMs');
  require(policy.viewTimeoutMs < turnDeadlineMs, 'turnDeadlineMs', 'must exceed viewTimeoutMs');
  return problems;
}
