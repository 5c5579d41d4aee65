/**
 * A service as it was: what a folder holds, audited from genesis on, and its state as of one batch. For auditors, offline.
 *
 * Nothing need be believed but the service digest. What a service answers is computed from the state as a replica would, by the version that
 * was active; what keys had is proven under the last checkpoint before, to people who have neither the folder nor its keys.
 */
import { nodeCryptography } from '@coppice/cryptography';
import {
  answerHistory,
  answerQuery,
  type CertifiedState,
  type CommittedState,
  committedStateOf,
  type HistoryQuestion,
  type HistoryRefusal,
  type Query,
  type Services,
} from '@coppice/execution';
import { type Activation, readActivation } from '@coppice/governance';
import {
  type HistoricalFacts,
  historicalValueCodec,
  historicalValueVersion,
  shownValueCodec,
  verifyHistoricalValue,
} from '@coppice/ledger';
import { type InheritedLog, replayLog } from '@coppice/node';
import { openRelease, type Release, ReleaseError, scriptsOf } from '@coppice/release';
import { loadService, lockdownRealm } from '@coppice/service/compartment';
import { assert, decode, sameBytes, type Digest, encode, type Header, serviceDigest } from '@coppice/wire';
import { type KeyOptions, openerFor } from './commands/shares.ts';
import { auditFolder, dataFolderOf } from './commands/verify.ts';
import { recordsUpTo } from './recovery/disks.ts';
import { UserError } from './service-folder.ts';

/** After this batch, or after the last one that is not dated later. */
export type Moment = { readonly sequence: number } | { readonly time: number };

export interface ArchiveOptions {
  /** An instance's, or a restored backup. */
  readonly folder: string;
  /** What it must be of; else it is judged by its own genesis. */
  readonly service: Digest | undefined;
  /** Default: the last batch that is certified. */
  readonly at: Moment | undefined;
  /** Folders of releases: one has the version of the service that was active. */
  readonly releases: readonly string[];
  readonly keys: KeyOptions;
}

export type Shown =
  | { readonly ok: true; readonly facts: HistoricalFacts; readonly document: Uint8Array }
  | { readonly ok: false; readonly reason: HistoryRefusal };

export class Archive {
  readonly service: Digest;
  readonly state: CommittedState;
  /** The batch that it is as of. */
  readonly header: Header;
  /** The last one that the folder has, which may be a later one. */
  readonly end: { readonly sequence: number; readonly time: number };
  /** Over all headers up to that. */
  readonly root: Digest;
  /** Of the state. */
  readonly digest: Digest;
  readonly #log: InheritedLog;
  readonly #services: Services;

  /** Throws UserError where the folder does not hold. From then on this process is one in which services run: nothing of it can be changed any more. */
  static async open(options: ArchiveOptions): Promise<Archive> {
    const { at, folder, keys, service } = options;
    const releases = options.releases.map(releaseIn);
    const dataFolder = dataFolderOf(folder);
    let through = 0;
    const report = await auditFolder(folder, service, {
      keys,
      onState(_, { sequence, time }) {
        if (at === undefined || ('time' in at ? time <= at.time : sequence <= at.sequence)) through = sequence;
      },
    });
    const { firstProblem, head } = report;
    if (!report.ok || head === undefined)
      throw new UserError(`the ledger does not hold: ${firstProblem?.message ?? 'it has no batches'}`);
    if (at !== undefined && 'sequence' in at && head.sequence < at.sequence)
      throw new UserError(`the ledger goes up to batch ${head.sequence} only`);
    if (through === 0) throw new UserError('the ledger begins later');
    const opened = await openerFor(dataFolder, keys)(dataFolder);
    const log = await replayLog(recordsUpTo({ folder: dataFolder, keys: opened }, through), through);
    lockdownRealm();
    return new Archive(log, servicesOf(releases, readActivation(log.state.view()).code), head);
  }

  private constructor(log: InheritedLog, services: Services, end: Archive['end']) {
    this.end = end;
    const { ancestors, header, state, tree } = log;
    this.service = serviceDigest(nodeCryptography, ancestors.at(-1)!.document.genesis);
    this.state = committedStateOf(state.view(), header);
    this.header = header;
    this.root = tree.root();
    this.digest = state.digest();
    this.#log = log;
    this.#services = services;
  }

  /** The last checkpoint before, under which what keys had is proven. */
  get checkpoint(): CertifiedState | undefined {
    return this.#log.checkpoint;
  }

  /** An encoded result. The caller is whom the service should take it for: who has the folder has everything. */
  query(query: Query): Uint8Array {
    const { state } = this;
    const service = this.#services.get(state.activation.code.version);
    if (service === undefined)
      throw new UserError('the release does not have the version of the service that was active');
    const result = answerQuery(state, this.#services, query);
    if (query.target !== 'service' || service.indexes?.used !== true) return result;
    // Here there is time to wait for an index.
    while (service.indexes.work(state.view, 1024));
    return answerQuery(state, this.#services, query);
  }

  /** What a key had, with what proves it to anyone who has the service digest. */
  history(question: HistoryQuestion): Shown {
    const answer = answerHistory(this.state, this.checkpoint, this.#services, question);
    if (!answer.ok) return answer;
    const shown = decode(shownValueCodec, answer.shown);
    assert(shown.ok, 'what was encoded can be decoded');
    const { document: founded, epochs } = this.#log.ancestors.at(-1)!;
    const { genesis } = founded;
    const count = shown.value.checkpoint.epoch - genesis.configuration.epoch;
    const whole = { version: historicalValueVersion, genesis, epochs: epochs.slice(0, count), ...shown.value };
    const document = encode(historicalValueCodec, whole);
    const verdict = verifyHistoricalValue(nodeCryptography, document, { service: this.service });
    if (!verdict.ok) throw new UserError(`what the folder shows does not hold: ${verdict.check}: ${verdict.reason}`);
    return { ok: true, facts: verdict.facts, document };
  }
}

/** Of the release that has this version as it was active, or else any version of this number. */
function servicesOf(releases: readonly Release[], { script, version }: Activation['code']): Services {
  const scripts = releases.map(scriptsOf);
  const isActive = (one: ReturnType<typeof scriptsOf>[number]): boolean =>
    one.version === version && sameBytes(nodeCryptography.hash(new TextEncoder().encode(one.text)), script);
  const chosen =
    scripts.find((of) => of.some(isActive)) ?? scripts.find((of) => of.some((one) => one.version === version));
  return new Map((chosen ?? []).map((one) => [one.version, loadService(one.text)]));
}

function releaseIn(folder: string): Release {
  try {
    return openRelease(folder);
  } catch (error) {
    throw error instanceof ReleaseError ? new UserError(error.message) : error;
  }
}
