/**
 * Answers about the past of a key, with proof under a checkpoint: spec/history.md, lines 40–45.
 */
import { type ShownValue, shownValueCodec } from '@coppice/ledger';
import { clientRoles, isMigrating } from '@coppice/governance';
import { beganKey, findVersion, historyMapOf, recordKey, type Snapshot, valueMapOf } from '@coppice/state';
import { type CheckpointCertificate, encode, toLatin1 } from '@coppice/wire';
import type { CommittedState } from './execution.ts';
import type { Services } from './service.ts';

export interface HistoryQuestion {
  /** A map of the service, and a key as the state has it. */
  readonly map: string;
  readonly key: Uint8Array;
  /** As of which batch; default: the checkpoint's. */
  readonly at: number | undefined;
  /** Who asks, verified. */
  readonly caller: Uint8Array | undefined;
}

/** A checkpoint that is stable, and its state. */
export interface CertifiedState {
  readonly certificate: CheckpointCertificate;
  readonly snapshot: Snapshot;
}

export type HistoryRefusal = 'not-allowed' | 'not-stable' | 'no-history' | 'before-history';

/** The encoded answer, or why there is none. Total. */
export function answerHistory(
  present: CommittedState,
  certified: CertifiedState | undefined,
  services: Services,
  { map, key, at, caller }: HistoryQuestion,
): { readonly ok: true; readonly shown: Uint8Array } | { readonly ok: false; readonly reason: HistoryRefusal } {
  const roles = caller === undefined ? [] : (clientRoles(present.view, caller) ?? []);
  const service = services.get(present.activation.code.version);
  if (service?.mayReadHistory?.(map, roles) !== true) return { ok: false, reason: 'not-allowed' };
  if (certified === undefined) return { ok: false, reason: 'not-stable' };
  const { sequence } = certified.certificate;
  // Nobody reads a migration that is under way. spec/upgrades.md, line 29.
  if (isMigrating(certified.snapshot.view)) return { ok: false, reason: 'not-stable' };
  const asOf = at ?? sequence;
  if (asOf > sequence) return { ok: false, reason: 'not-stable' };
  const shown = showVersion(certified, map, key, asOf);
  return typeof shown === 'string'
    ? { ok: false, reason: shown }
    : { ok: true, shown: encode(shownValueCodec, shown, 4096) };
}

function showVersion(
  { certificate, snapshot }: CertifiedState,
  map: string,
  keyBytes: Uint8Array,
  at: number,
): ShownValue | 'no-history' | 'before-history' {
  const key = toLatin1(keyBytes);
  const found = findVersion(snapshot.view, map, key, at);
  if (!found.ok) return found.reason;
  const { since, version } = found;
  const history = historyMapOf(map);
  const from = version.kind === 'past' ? version.from : version.newest?.from;
  const began = from === undefined || from === 0;
  return {
    ...{ checkpoint: certificate, map, key: keyBytes, value: version.value },
    shown:
      version.kind === 'past'
        ? {
            ...{ kind: 'past', from: version.from, time: version.time, until: version.until },
            record: snapshot.prove(history, recordKey(key, version.until)),
          }
        : {
            ...{ kind: 'present', newest: version.newest },
            record: snapshot.prove(history, recordKey(key, 0)),
            value: snapshot.prove(valueMapOf(map), key),
          },
    began: began ? { since, proof: snapshot.prove(history, beganKey) } : undefined,
  };
}
