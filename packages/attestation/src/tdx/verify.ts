/**
 * Verifies quotes of Intel TDX domains. What the release determines is MRTD and the registers of firmware, kernel and
 * system; the launch is in MRCONFIGID.
 *
 * The TDX module has versions of its own. From 1.5 on its level comes from its identity in the TCB info, so that an old
 * module makes a processor out of date whose other components are not.
 */
import { concatBytes, type Decoded, sameBytes, toHex } from '@coppice/wire';
import type { EvidenceBundle } from '../bundle.ts';
import {
  type HardwareContext,
  type HardwarePlatform,
  type ShownClaims,
  unverified,
  type Verification,
} from '../evidence.ts';
import { verifyWithInitData } from '../init-data.ts';
import type { Collateral } from '../sgx/collateral.ts';
import { type DcapPlatform, digestIn, intelRoot, sameUnder, verifyQuote, versionLevel } from '../sgx/dcap.ts';
import { decodeQuote, type Quote } from '../sgx/quote.ts';
import type { ModuleSigner, PartLevel } from '../sgx/tcb.ts';
import { quoteClaims, quoteType } from '../sgx/verify.ts';
import type { X509Cryptography } from '../signatures.ts';
import { decodeEventLog, type EventLog, replayEvents } from '../tpm/event-log.ts';
import { eventLogType } from '../tpm/format.ts';
import { sha384 } from '../tpm/reader.ts';
import { type DomainReport, readDomainReport, unknownIn } from './domain-report.ts';

const name = 'tdx';

const dcap: DcapPlatform = {
  name,
  tcbInfoId: 'TDX',
  enclaveId: 'TD_QE',
  reaches({ tdxComponents }, { body }) {
    const { teeTcbSvn } = readDomainReport(body);
    // The first two are the module's, and judged by its identity where it has one.
    const from = teeTcbSvn[1]! > 0 ? 2 : 0;
    return tdxComponents.every((svn, i) => i < from || teeTcbSvn[i]! >= svn);
  },
  parts: moduleLevels,
};

/** Endorsements as in sgx/collateral.ts; then, each optionally, the event log, and init-data. */
export const tdx: HardwarePlatform = {
  name,
  development: false,
  anchors: [{ platform: name, spki: intelRoot }],
  verify: (bundle, context) => verifyWithInitData(bundle, context, verify),
  show,
};

function moduleLevels({ tcbInfo }: Collateral, { body }: Quote): Decoded<readonly PartLevel[]> {
  const report = readDomainReport(body);
  const [svn, version] = [report.teeTcbSvn[0]!, report.teeTcbSvn[1]!];
  if (version === 0) {
    if (tcbInfo.module === undefined || !isSigner(tcbInfo.module, report))
      return { ok: false, reason: 'the TDX module is of another signer' };
    return { ok: true, value: [] };
  }
  const id = `TDX_${toHex(Uint8Array.of(version)).toUpperCase()}`;
  const identity = tcbInfo.modules.find((module) => module.id === id);
  if (identity === undefined) return { ok: false, reason: `the TCB info does not know module ${id}` };
  if (!isSigner(identity, report)) return { ok: false, reason: 'the TDX module is of another signer' };
  const level = versionLevel(identity.levels, svn);
  return level === undefined ? { ok: false, reason: 'the TDX module reaches no level' } : { ok: true, value: [level] };
}

function isSigner({ mrSigner, attributes, attributesMask }: ModuleSigner, report: DomainReport): boolean {
  return sameBytes(mrSigner, report.mrSignerSeam) && sameUnder(attributesMask, report.seamAttributes, attributes);
}

function verify(bundle: EvidenceBundle, context: HardwareContext): Verification {
  if (bundle.evidence.mediaType !== quoteType) return unverified('malformed', 'not a quote');
  const quote = decodeQuote(bundle.evidence.bytes);
  if (!quote.ok) return unverified('malformed', `quote: ${quote.reason}`);
  if (quote.value.bodyType === 1) return unverified('malformed', 'quote: not of a trust domain');
  const report = readDomainReport(quote.value.body);
  const unknown = unknownIn(report);
  if (unknown !== undefined) return unverified('malformed', `quote: ${unknown}`);
  // The log, where there is one, is the last.
  const last = bundle.endorsements.at(-1);
  const log = last?.mediaType === eventLogType ? decodeEventLog(last.bytes) : undefined;
  if (log?.ok === false) return unverified('malformed', `event log: ${log.reason}`);
  const collateral = log === undefined ? bundle.endorsements : bundle.endorsements.slice(0, -1);
  const verified = verifyQuote(quote.value, collateral, dcap, context);
  if (!verified.ok) return verified;
  const { tcb, pck, validity, issues } = verified.value;
  const mismatch = log === undefined ? undefined : logMismatch(log.value, report, context.x509);
  if (mismatch !== undefined) return unverified('evidence-mismatch', mismatch);
  return {
    ok: true,
    evidence: {
      platform: name,
      provider: undefined,
      generation: toHex(pck.fmspc),
      chip: pck.ppid,
      measurement: concatBytes(report.mrTd, ...report.rtmr.slice(0, 3)),
      launchDigest: digestIn(report.mrConfigId),
      reportData: digestIn(report.reportData),
      tcb,
      debug: Object.values(report.open).includes(true),
      validity,
      collateral: issues,
      details: [],
    },
  };
}

/** Logs number the registers from 1 on: 0 is the measurement that nothing extends. */
function logMismatch(log: EventLog, { rtmr }: DomainReport, x509: X509Cryptography): string | undefined {
  const replayed = replayEvents(log, sha384, x509);
  if (replayed === undefined) return 'the event log has not the hash of the registers';
  for (const [register, value] of replayed) {
    const quoted = rtmr[register - 1];
    if (quoted === undefined || !sameBytes(quoted, value))
      return `the event log is not that of register ${register - 1}`;
  }
  return undefined;
}

function show({ evidence }: EvidenceBundle): ShownClaims | undefined {
  const quote = decodeQuote(evidence.bytes);
  if (!quote.ok || quote.value.bodyType === 1) return undefined;
  const report = readDomainReport(quote.value.body);
  return {
    ...quoteClaims(quote.value),
    debug: report.open.debug,
    migratable: report.open.migratable,
    septVeDisable: !report.open.exceptions,
    mrTd: toHex(report.mrTd),
    mrSeam: toHex(report.mrSeam),
    teeTcbSvn: toHex(report.teeTcbSvn),
    tdAttributes: toHex(report.tdAttributes),
    xfam: toHex(report.xfam),
    mrConfigId: toHex(report.mrConfigId),
    mrOwner: toHex(report.mrOwner),
    mrOwnerConfig: toHex(report.mrOwnerConfig),
    mrServiceTd: toHex(report.mrServiceTd),
    rtmr: report.rtmr.map(toHex),
    reportData: toHex(report.reportData),
  };
}
