/**
 * `coppice receipt verify` and `coppice audit`: what anyone can check, offline, with the service digest.
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { firstFailure } from '@coppice/attestation';
import { audit as auditLedger, type AuditReport } from '@coppice/audit';
import { nodeCryptography } from '@coppice/cryptography';
import { amendedBy, appraiseJoin, type Constitution, constitutionWritten, verifyGenesis } from '@coppice/governance';
import { foundingMaps, genesisWriteSet } from '@coppice/execution';
import { readReceipt, type Receipt, receiptToJson, type ReceiptVerdict, verifyReceipt } from '@coppice/ledger';
import { type ReadItem, readSealedFolder } from '@coppice/node';
import { decodeWriteSet, mapOf, State } from '@coppice/state';
import { decodeResult, type GenesisDocument, toHex } from '@coppice/wire';
import { serviceOf } from '../connect.ts';
import { ancestorLines, ancestryOf, judgedOf } from '../lineage.ts';
import { counted, duration, type Output } from '../output.ts';
import { UserError } from '../service-folder.ts';
import { auditPublic, isExport, whyNotIn } from './public-part.ts';
import { type KeyOptions, openerFor } from './shares.ts';
import { suspicionReasons } from './status.ts';

export function verifyReceiptFile(
  file: string,
  options: { folder: string; service?: string; ledger?: string },
  output: Output,
): void {
  let bytes: Uint8Array;
  try {
    bytes = new Uint8Array(readFileSync(file));
  } catch {
    throw new UserError(`cannot read ${file}`);
  }
  // Text is JSON; anything else is the binary form.
  const text = bytes[0] === 0x7b ? new TextDecoder().decode(bytes) : undefined;
  const verdict = judgedOf(
    ancestryOf(options),
    (service) => judgeReceipt(text ?? bytes, service),
    ({ header }) => header.sequence,
  );
  if (!verdict.ok) {
    output.answer({ ok: false, check: verdict.check, reason: verdict.reason }, [
      `NOT VALID: ${verdict.check}: ${verdict.reason}`,
    ]);
    process.exitCode = 1;
    return;
  }
  const { header, index, result: resultBytes } = verdict.facts;
  const elsewhere = options.ledger === undefined ? undefined : whyNotIn(options.ledger, header);
  if (elsewhere !== undefined) {
    output.answer({ ok: false, check: 'ledger', reason: elsewhere }, [
      `NOT IN THE LEDGER: the receipt holds by itself, and ${elsewhere}`,
    ]);
    process.exitCode = 1;
    return;
  }
  const result = decodeResult(resultBytes);
  output.answer(
    {
      ok: true,
      service: header.service,
      lostAt: verdict.of.head?.sequence ?? null,
      epoch: header.epoch,
      sequence: header.sequence,
      index,
      time: header.time,
      result: result.ok ? result.value : null,
    },
    [
      'valid',
      ...(verdict.of.head === undefined ? [`  service   ${toHex(header.service)}`] : ancestorLines(verdict.of)),
      `  batch     ${header.sequence} of epoch ${header.epoch}, transaction ${index}`,
      `  time      ${new Date(header.time).toISOString()} (agreed)`,
      ...(options.ledger === undefined ? [] : [`  ledger    ${options.ledger} holds, and has this batch in its place`]),
      `  result    ${result.ok ? JSON.stringify(result.value) : toHex(resultBytes)}`,
    ],
  );
}

/** A receipt as {@link receiptText} writes it, or in its binary form: every byte counts. */
export function judgeReceipt(receipt: Uint8Array | string, service: Uint8Array): ReceiptVerdict {
  const verdict = verifyReceipt(nodeCryptography, receipt, { service });
  if (!verdict.ok || typeof receipt !== 'string') return verdict;
  const read = readReceipt(receipt);
  if (read.ok && receipt === receiptText(read.value)) return verdict;
  return { ok: false, check: 'format', reason: 'not in the form in which receipts are written' };
}

/** The text of a receipt's file. */
export function receiptText(receipt: Receipt): string {
  return `${JSON.stringify(receiptToJson(receipt))}\n`;
}

/** The data folder that this is, or that a ledger's folder lies in. */
export function dataFolderOf(folder: string): string {
  const dataFolder = isFolder(join(folder, 'ledger')) ? folder : join(folder, '..');
  if (!isFolder(join(dataFolder, 'ledger')))
    throw new UserError(`${folder} is not an instance's folder: it has no ledger in it`);
  return dataFolder;
}

/** Audits an instance's data folder, or a bare ledger folder. What opens it where it is encrypted: {@link openerFor}. */
export async function auditFolder(
  folder: string,
  service: Uint8Array | undefined,
  {
    keys,
    onItem,
    ...watching
  }: { readonly keys?: KeyOptions | undefined; readonly onItem?: (item: ReadItem) => void } & Watching = {},
): Promise<AuditReport> {
  const dataFolder = dataFolderOf(folder);
  async function* records(): AsyncGenerator<ReadItem> {
    for await (const item of readSealedFolder(dataFolder, openerFor(dataFolder, keys))) {
      onItem?.(item);
      yield item;
    }
  }
  return auditRecords(records(), service, watching);
}

interface Watching {
  readonly onProgress?: (batches: number) => void;
  /** Told of what genesis wrote, as of batch 0, and then of what each committed batch did. */
  readonly onState?: (
    writeSets: readonly Uint8Array[],
    at: { readonly sequence: number; readonly time: number },
  ) => void;
}

/** Audits a ledger, the records of which come from wherever. */
export async function auditRecords(
  records: Iterable<ReadItem> | AsyncIterable<ReadItem>,
  service: Uint8Array | undefined,
  { onProgress, onState }: Watching = {},
): Promise<AuditReport> {
  /** Of the state, what founding a successor looks at. */
  const inherited = new State(nodeCryptography);
  /** In force when a batch began, and any that was put into force in it. */
  let constitutions: Constitution[] = [];
  let last: { readonly document: GenesisDocument; readonly verified: ReturnType<typeof verifyGenesis> } | undefined;
  // An audit asks twice of each, and verifying all evidence takes long.
  const verifiedOnce = (document: GenesisDocument): ReturnType<typeof verifyGenesis> => {
    if (last?.document !== document) last = { document, verified: verifyGenesis(nodeCryptography, document, {}) };
    return last.verified;
  };
  return auditLedger(records, {
    cryptography: nodeCryptography,
    ...(service === undefined ? {} : { service }),
    checkGenesis(document) {
      const verified = verifiedOnce(document);
      if (verified.ok) constitutions = [verified.constitution];
      return verified.ok ? undefined : `${verified.check}: ${verified.reason}`;
    },
    amend: ({ before, proposal, ...context }) => amendedBy(nodeCryptography, before, proposal, context),
    onWriteSets(writeSets, at) {
      for (const one of writeSets) keepFounding(inherited, one);
      const written = writeSets.flatMap((one) =>
        Buffer.from(one.buffer, one.byteOffset, one.length).includes('$constitution')
          ? (constitutionWritten(one) ?? [])
          : [],
      );
      constitutions = [...constitutions.slice(-1), ...written];
      onState?.(writeSets, at);
    },
    appraise(join, launch, time) {
      // Which collateral the ledger had seen by then is in its state, which an auditor has at checkpoints only.
      let objection = 'there is no constitution to judge by';
      for (const constitution of constitutions) {
        const { claims, facts } = appraiseJoin(nodeCryptography, constitution, join, launch, time, () => undefined);
        if (facts !== undefined) return { platform: facts.platform, provider: facts.provider };
        objection = firstFailure(claims) ?? 'evidence: not accepted';
      }
      return objection;
    },
    genesisWriteSet(document) {
      const verified = verifiedOnce(document);
      if (!verified.ok)
        throw new UserError(`the genesis document does not hold: ${verified.check}: ${verified.reason}`);
      const genesis = { ...verified, time: document.genesis.time };
      const written = genesisWriteSet(nodeCryptography, genesis, inherited);
      if (document.genesis.predecessor !== undefined) return written;
      keepFounding(inherited, written);
      onState?.([written], { sequence: 0, time: document.genesis.time });
      return written;
    },
    ...(onProgress === undefined ? {} : { onProgress: ({ batches }) => onProgress(batches) }),
  });
}

/** From where on whoever breaks one signature scheme can forge nothing. */
function schemeLines(epochs: AuditReport['epochs']): string[] {
  const first = epochs.find(({ scheme }) => scheme > 1);
  return first === undefined
    ? []
    : [`  signatures    Ed25519 and ML-DSA-65, of every seat, from epoch ${first.epoch} on, batch ${first.from}`];
}

/** Of each instance that was suspected: why, by whom, where. */
function suspectLines(suspicions: AuditReport['suspicions']): string[] {
  const instances = Map.groupBy(suspicions, ({ instance, reason }) => `${toHex(instance)} ${reason}`);
  return [...instances.values()].map((of) => {
    const [{ epoch, instance, reason, sequence, slot, variant }] = of as [(typeof of)[number]];
    const by = of.map((one) => one.by).join(', ');
    return `slot ${slot}, instance ${toHex(instance).slice(0, 8)}, variant ${variant}: ${suspicionReasons[reason]}, by slots ${by}, from batch ${sequence} of epoch ${epoch} on`;
  });
}

/** Applies what a write set has for the maps that founding looks at. */
function keepFounding(state: State, encoded: Uint8Array): void {
  const bytes = Buffer.from(encoded.buffer, encoded.byteOffset, encoded.length);
  if (!foundingMaps.some((map) => bytes.includes(map))) return;
  const writeSet = decodeWriteSet(encoded);
  if (!writeSet.ok) return;
  state.begin().apply(writeSet.value.filter(({ address }) => foundingMaps.includes(mapOf(address))));
  state.fold();
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

export async function audit(
  folder: string,
  options: { folder: string; service?: string; folderNamed: boolean } & KeyOptions,
  output: Output,
): Promise<void> {
  // Named, the service must be right; unnamed, the default folder's, if there is one.
  const named =
    options.service !== undefined || options.folderNamed || existsSync(join(options.folder, 'service.json'));
  const service = named ? serviceOf(options) : undefined;
  if (service === undefined)
    output.say('no service was named: the ledger is judged by its own genesis, and could be any service’s');
  if (isExport(folder)) return auditPublic(folder, service, output);
  const started = performance.now();
  const report = await auditFolder(folder, service, { keys: options });
  const ms = performance.now() - started;
  const lines = [
    report.ok ? 'the ledger holds' : 'THE LEDGER DOES NOT HOLD',
    ...(report.service === undefined ? [] : [`  service       ${toHex(report.service)}`]),
    ...report.successions
      .toReversed()
      .map(
        ({ from, sequence, time }) =>
          `  goes on from  ${toHex(from)}, after its batch ${sequence}, since ${new Date(time).toISOString()}`,
      ),
    `  batches       ${report.batches}, with ${report.transactions} transactions, in ${counted(report.epochs.length, 'epoch')}`,
    ...schemeLines(report.epochs),
    `  checkpoints   ${report.checkpoints.certified} certified, the state recomputed at ${report.checkpoints.stateRecomputed}`,
    `  turns         ${report.turns.length} clean starts`,
    `  decisions     ${report.decisions.length} of its members, every signature verified`,
    `  activations   ${report.activations.filter(({ failed }) => failed === undefined).length}, and ${report.activations.filter(({ failed }) => failed !== undefined).length} that failed`,
    `  faults        ${report.faults.length}`,
    ...suspectLines(report.suspicions).map((line) => `  suspected     ${line}`),
    `  end           ${report.end ?? 'not reached'}${report.uncertifiedTail > 0 ? `, ${report.uncertifiedTail} batches not certified` : ''}`,
    ...(report.end === 'torn'
      ? [
          `  the last write was cut: what this ledger held after batch ${report.head?.sequence ?? 0}, if anything, is gone from this disk`,
        ]
      : []),
    ...(report.problems.some(({ message }) => message.endsWith('key-missing'))
      ? [
          '  it is encrypted, and none of the keys that were given opens it: --key FILE names one of an auditor, --share FILE what members released',
        ]
      : []),
    ...report.problems
      .slice(0, 10)
      .map(
        (problem) => `  ! ${problem.code} at batch ${problem.sequence}, record ${problem.position}: ${problem.message}`,
      ),
    ...(report.problems.length > 10 ? [`  ! and ${report.problems.length - 10} more`] : []),
    `  took ${duration(ms)}`,
  ];
  output.answer(report, lines);
  if (!report.ok) process.exitCode = 1;
}
