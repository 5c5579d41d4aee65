/**
 * Queries: what one replica answers from its committed state. Unproven: spec/requests.md, "Reading".
 *
 * Some come with every service: who sits where and what is due (`status`), the constitution, where a client stands.
 */
import { type Activation, clientRoles, findProposal, listProposals, shown, weakenedCaps } from '@coppice/governance';
import { expired, faultsOf, halted, promptReason, sealed, vacancies, waivedTurns } from '@coppice/protocol';
import { decode, type PlainValue, encodeResult, toHex, u64 } from '@coppice/wire';
import { requestWindow } from './client-record.ts';
import { recordOf } from './client-table.ts';
import type { CommittedState } from './execution.ts';
import { results } from './results.ts';
import type { Services } from './service.ts';

export interface Query {
  /** `service`, or one of the queries that every service has. */
  readonly target: string;
  readonly payload: Uint8Array;
  /** Who asks: the caller's to verify. */
  readonly caller: Uint8Array | undefined;
}

/** The role whose holders may follow the log. */
const readerRole = 'reader';

/**
 * Whether the holder of this key may have batches as they were ordered, with everybody's requests and results: members, and whom
 * they gave the role. While a service is developed, and open to everybody, everybody may.
 */
export function mayReadLog({ constitution, view }: CommittedState, key: Uint8Array): boolean {
  if (constitution.development && constitution.clients === 'open') return true;
  const roles = clientRoles(view, key) ?? [];
  return roles.includes('member') || roles.includes(readerRole);
}

/** Answers a query with an encoded `Result`. Total. */
export function answerQuery(state: CommittedState, services: Services, query: Query): Uint8Array {
  switch (query.target) {
    case 'service':
      return serviceQuery(state, services, query);
    case 'status':
      return value(statusOf(state));
    case 'constitution':
      return value(state.constitution);
    case 'proposals':
      return value(listProposals(state.view, state.constitution) as unknown as PlainValue);
    case 'proposal':
      return proposalQuery(state, query.payload);
    case 'client':
      return clientQuery(state, query.payload);
    default:
      return refused('unknown-query', 'there is no such query');
  }
}

function value(of: PlainValue): Uint8Array {
  return encodeResult({ ok: true, value: of });
}

function refused(code: string, message: string): Uint8Array {
  return encodeResult({ ok: false, error: { code, message } });
}

function serviceQuery(state: CommittedState, services: Services, { payload, caller }: Query): Uint8Array {
  const service = services.get(state.activation.code.version);
  if (service === undefined) return results.unspoken;
  const roles = caller === undefined ? [] : (clientRoles(state.view, caller) ?? []);
  const id = caller === undefined ? '' : toHex(caller);
  if (state.readable === undefined) return results.migrating;
  const { sequence, time, view } = state.readable;
  const call = { operation: payload, caller: { id, roles }, time, sequence, seed: new Uint8Array(0) };
  return service.query(view, call).result;
}

/** The proposal with this number, as the ledger encodes numbers: with all that members signed. */
function proposalQuery({ view, constitution }: CommittedState, number: Uint8Array): Uint8Array {
  const id = decode(u64, number);
  if (!id.ok) return refused('malformed', 'a number has 8 bytes');
  const proposal = findProposal(view, id.value);
  return proposal === undefined
    ? refused('no-such-proposal', 'there is none of this number, or it was decided long ago')
    : value(shown(constitution, proposal) as unknown as PlainValue);
}

/** Where the client with this key stands: a client that lost its memory goes on above `highest`. */
function clientQuery({ view }: CommittedState, key: Uint8Array): Uint8Array {
  if (key.length !== 32) return refused('malformed', 'a key has 32 bytes');
  const { acknowledged, highest } = recordOf(view, key);
  const roles = clientRoles(view, key);
  return value({ known: roles !== undefined, roles: roles ?? [], acknowledged, highest, window: requestWindow });
}

/** Who sits where, since when and until when, what turn is under way, and what is not as it should be. */
export function statusOf({ sequence, time, membership: m, constitution, activation }: CommittedState): PlainValue {
  const { policy } = constitution;
  const late = expired(m, time);
  const slots = m.occupants.map((occupant, slot): PlainValue => {
    const { failures, accused, suspectedBy } = m.slots[slot]!;
    const due = promptReason(m, slot, time) ?? null;
    const common = { slot, failures, accused, suspectedBy, due, late: late.includes(slot) };
    if (occupant === undefined) return { ...common, instance: null };
    const { instance, turn, since, termEnd, release, variant, platform, provider, engineFamily } = occupant;
    const { address, clientAddress } = occupant;
    const seat = { instance, turn, since, termEnd, release, variant, platform, provider, engineFamily };
    return { ...common, ...seat, address, clientAddress };
  });
  const open: PlainValue =
    m.open === undefined
      ? null
      : {
          ...{ turn: m.open.turn, slot: m.open.slot, reason: m.open.reason, release: m.open.release },
          ...{ openedAt: m.open.openedAt, openedTime: m.open.openedTime, deadline: m.open.deadline },
          challenge: m.open.drawn?.challenge ?? null,
          variant: m.open.drawn?.variant ?? null,
          waived: m.open.drawn?.waived ?? [],
          candidate: m.candidate?.instance ?? null,
          ready: m.open.ready,
        };
  return {
    ...{ name: constitution.name, development: constitution.development, weakenedCaps: weakenedCaps(constitution) },
    ...{ sequence, time, epoch: m.epoch, epochSince: m.start.time, epochStart: m.start.sequence, slots },
    ...{ faultsTolerated: faultsOf(m), vacant: vacancies(m), halted: halted(m, policy, time) },
    ...{ sealedPrevious: sealed(m), unsealed: m.unsealed },
    ...{ waivedTurns: waivedTurns(m, policy, time), waiversMax: policy.waiversMax },
    active: activeOf(activation),
    turn: open,
    nextScheduled: m.scheduled.time + policy.turnIntervalMs,
    finished: m.finished.map(({ before, candidate, ...turn }) => ({
      ...turn,
      before: before ?? null,
      candidate: candidate ?? null,
    })),
  };
}

function activeOf({ protocol, code, release, attempts, failed, migration }: Activation): PlainValue {
  const active = { protocol, service: code.version, script: code.script, release, attempts };
  const { steps, failed: why } = migration ?? {};
  return { ...active, failed: failed ?? null, migration: migration ? { steps: steps!, failed: why ?? null } : null };
}
