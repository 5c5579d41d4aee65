/**
 * Evidence of processors that make it themselves: read from where the guest finds it, together with the endorsements that come along and
 * those that the settings name.
 */
import { join } from 'node:path';
import {
  assembleIntel,
  assembleSnp,
  encodeBundle,
  type EvidenceBundle,
  initDataType,
  type Message,
  showBundle,
  verifyBundle,
} from '@coppice/attestation';
import { nodeCryptography } from '@coppice/cryptography';
import { agentUrl, readAgentEvidence } from './agent.ts';
import type { CollectionRequest, Collector } from './collector.ts';
import { askHelper } from './helper.ts';
import { type EndorsementFiles, mergeEndorsements, noEndorsements, readEndorsements } from './endorsement-files.ts';
import { CollectionError, reasonOf } from './error.ts';
import { fetchEndorsements } from './fetch.ts';
import { type Files, readBounded, systemFiles } from './files.ts';
import { gramineFolder, readGramineQuote } from './gramine.ts';
import { readAgentReport } from './agent-report.ts';
import { readTsmReport, tsmFolder } from './tsm.ts';

export const sources = ['configfs', 'gramine', 'attestation-agent'] as const;

export interface HardwareSettings {
  readonly name: 'sev-snp' | 'tdx' | 'sgx';
  readonly from: (typeof sources)[number];
  /** Folder or URL of the interface; that of the system by default. */
  readonly at: string | undefined;
  /** Files and URLs of endorsements that the interface does not give along. */
  readonly endorsements: readonly string[];
  /** Azure's confidential containers: the folder with what was published of them. */
  readonly securityContext?: string;
  /** Confidential Containers: file of the init-data that the host bound at launch. */
  readonly initData?: string;
}

/**
 * What Azure's confidential containers find in the folder that UVM_SECURITY_CONTEXT_DIR names: what was published of the host's chip, and of the
 * firmware that it started the group with. */
const securityFiles = ['host-amd-cert-base64', 'reference-info-base64'];
/** What verifiers read of it. */
const initDataBytesMax = 64 * 1024;
/** Endorsements of firmware that are tried. */
const firmwareMax = 4;

/** What an interface gave. */
export interface RawEvidence {
  readonly bytes: Uint8Array;
  readonly endorsements: EndorsementFiles;
}

export const hardwareCollector =
  (settings: HardwareSettings, files: Files = systemFiles): Collector =>
  async ({ now, reportData }) => {
    const raw = await read(settings, reportData, files);
    const last = settings.initData === undefined ? [] : [await initDataOf(settings.initData)];
    return completed(
      (endorsements) =>
        assemble(settings.name, raw.bytes, mergeEndorsements([raw.endorsements, endorsements])).map((bundle) => ({
          ...bundle,
          endorsements: [...bundle.endorsements, ...last],
        })),
      placesOf(settings),
      now,
    );
  };

function placesOf({ endorsements, securityContext }: HardwareSettings): readonly string[] {
  const own = securityContext === undefined ? [] : securityFiles.map((name) => join(securityContext, name));
  return [...own, ...endorsements];
}

async function initDataOf(path: string): Promise<Message> {
  try {
    return { mediaType: initDataType, bytes: await readBounded(path, initDataBytesMax) };
  } catch (error) {
    throw new CollectionError({ code: 'NO_ENDORSEMENTS', from: path, reason: reasonOf(error) });
  }
}

async function read({ at, from, name }: HardwareSettings, data: Uint8Array, files: Files): Promise<RawEvidence> {
  if (from === 'gramine')
    return { bytes: await readGramineQuote(at ?? gramineFolder, data, files), endorsements: noEndorsements };
  if (from === 'attestation-agent') {
    const url = at ?? agentUrl;
    const raw = readAgentReport(await readAgentEvidence(url, data));
    if (raw?.platform === name) return raw;
    throw new CollectionError({
      code: 'NO_EVIDENCE',
      from: url,
      reason: `evidence of ${raw?.platform ?? 'another form'}`,
    });
  }
  const folder = at ?? tsmFolder;
  const { auxiliary, provider, report } = await readTsmReport(folder, data, files);
  if (provider !== (name === 'tdx' ? 'tdx_guest' : 'sev_guest'))
    throw new CollectionError({ code: 'NO_EVIDENCE', from: folder, reason: `reports are of ${provider}` });
  return { bytes: report, endorsements: readEndorsements(auxiliary) ?? noEndorsements };
}

/** The bundles that the endorsements allow. */
export function assemble(
  name: HardwareSettings['name'],
  bytes: Uint8Array,
  found: EndorsementFiles,
): readonly EvidenceBundle[] {
  const { certificates, documents, firmware, lists } = found;
  // What was measured is endorsed by one of them, or by none: a fleet may have several kinds of firmware.
  const endorsed = [...firmware.slice(0, firmwareMax).map((one) => [one]), []];
  if (name === 'sev-snp') return endorsed.flatMap((one) => assembleSnp(bytes, certificates, lists, one));
  const [tcbInfos, enclaveIdentities] = ['{"tcbInfo"', '{"enclaveIdentity"'].map((begin) =>
    documents.filter((document) => Buffer.from(document.subarray(0, begin.length)).toString('latin1') === begin),
  );
  return assembleIntel(bytes, { certificates, lists, tcbInfos: tcbInfos!, enclaveIdentities: enclaveIdentities! });
}

/**
 * The bundle that holds, of those that the endorsements allow. Where none does, replicas will say why, but for what
 * somebody here can mend: an endorsement that is missing since its place gave nothing.
 */
export async function completed(
  bundles: (endorsements: EndorsementFiles) => readonly EvidenceBundle[],
  places: readonly string[],
  now: number,
): Promise<Uint8Array> {
  const [first] = bundles(noEndorsements);
  const fmspc = (first && showBundle(first))?.['fmspc'];
  const settled = await Promise.allSettled(
    places.map((place) => fetchEndorsements([place.replaceAll('{fmspc}', typeof fmspc === 'string' ? fmspc : '')])),
  );
  const all = bundles(mergeEndorsements(settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))));
  const verdicts = all.map((bundle) =>
    verifyBundle(bundle, { cryptography: nodeCryptography, x509: nodeCryptography.x509, now }),
  );
  const good = verdicts.findIndex(({ ok }) => ok);
  const failed = settled.find((one) => one.status === 'rejected');
  const [verdict] = verdicts;
  if (good < 0 && verdict?.ok === false && verdict.error === 'endorsement-missing')
    throw failed === undefined
      ? new CollectionError({ code: 'NO_ENDORSEMENTS', from: 'endorsements', reason: `none gives ${verdict.detail}` })
      : (failed.reason as Error);
  return encodeBundle(all[Math.max(good, 0)]!);
}

export interface HelperSettings {
  /** Any platform: what comes is the helper's to know. */
  readonly name: string;
  /** Path of the executable. */
  readonly helper: string;
}

export const helperCollector =
  ({ helper, name }: HelperSettings): Collector =>
  async (request: CollectionRequest) => {
    const { endorsements, evidence } = await askHelper(helper, request);
    return encodeBundle({ platform: name, evidence, endorsements });
  };
