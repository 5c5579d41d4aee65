/**
 * What Intel says of versions: TCB info and the identity of quoting enclaves, JSON that Intel signs as text.
 *
 * A list of levels, newest first; the first that the processor reaches in every component is its level. No level is no
 * status: it is refused. Intel SGX and TDX Provisioning Certification Service, API version 4.
 */
import { type Decoded, fromHex } from '@coppice/wire';
import { instantOf } from '../der.ts';

/** Worst last, as far as an order makes sense. */
const statuses = [
  'UpToDate',
  'SWHardeningNeeded',
  'ConfigurationNeeded',
  'ConfigurationAndSWHardeningNeeded',
  'OutOfDate',
  'OutOfDateConfigurationNeeded',
  'Revoked',
] as const;
type TcbStatus = (typeof statuses)[number];
/** Only the processor is configured, or hardened by software. */
const partStatuses = ['UpToDate', 'OutOfDate', 'Revoked'] as const;
type PartStatus = (typeof partStatuses)[number];

export interface Level<Status extends TcbStatus = TcbStatus> {
  readonly status: Status;
  readonly advisories: readonly string[];
}

export interface PlatformLevel extends Level {
  readonly components: readonly number[];
  readonly pceSvn: number;
  /** Empty for SGX. */
  readonly tdxComponents: readonly number[];
}

/** Of a quoting enclave, or of a module. */
export interface PartLevel extends Level<PartStatus> {
  readonly isvSvn: number;
}

/** Who has signed the TDX module, and with which attributes. */
export interface ModuleSigner {
  readonly mrSigner: Uint8Array;
  readonly attributes: Uint8Array;
  readonly attributesMask: Uint8Array;
}

export interface ModuleIdentity extends ModuleSigner {
  readonly id: string;
  readonly levels: readonly PartLevel[];
}

interface Dated {
  readonly id: string;
  /** In milliseconds: when it was issued, and when the next one is due. */
  readonly from: number;
  readonly until: number;
  readonly evaluation: number;
}

export interface TcbInfo extends Dated {
  readonly fmspc: Uint8Array;
  readonly pceId: Uint8Array;
  readonly levels: readonly PlatformLevel[];
  /** Of TDX. */
  readonly module: ModuleSigner | undefined;
  readonly modules: readonly ModuleIdentity[];
}

export interface EnclaveIdentity extends Dated {
  readonly miscSelect: Uint8Array;
  readonly miscSelectMask: Uint8Array;
  readonly attributes: Uint8Array;
  readonly attributesMask: Uint8Array;
  readonly mrSigner: Uint8Array;
  readonly isvProdId: number;
  readonly levels: readonly PartLevel[];
}

class TcbFault extends Error {}

type Fields = Readonly<Record<string, unknown>>;

/** TCB info of version 3, of text whose signature was verified. */
export function decodeTcbInfo(text: string): Decoded<TcbInfo> {
  return decodeDocument(text, 3, (fields) => {
    const id = string(fields['id']);
    const tdx = id === 'TDX';
    return {
      ...dated(fields),
      fmspc: hex(fields['fmspc'], 6),
      pceId: hex(fields['pceId'], 2),
      levels: list(fields['tcbLevels'], (entry) => {
        const tcb = object(entry['tcb']);
        return {
          ...level(entry, statuses),
          components: svns(tcb['sgxtcbcomponents']),
          pceSvn: whole(tcb['pcesvn']),
          tdxComponents: tdx ? svns(tcb['tdxtcbcomponents']) : [],
        };
      }),
      module: tdx ? signer(object(fields['tdxModule'])) : undefined,
      modules:
        fields['tdxModuleIdentities'] === undefined
          ? []
          : list(fields['tdxModuleIdentities'], (entry) => ({
              ...signer(entry),
              id: string(entry['id']),
              levels: list(entry['tcbLevels'], partLevel),
            })),
    };
  });
}

/** The identity of a quoting enclave of version 2, of text whose signature was verified. */
export function decodeEnclaveIdentity(text: string): Decoded<EnclaveIdentity> {
  return decodeDocument(text, 2, (fields) => ({
    ...dated(fields),
    miscSelect: hex(fields['miscselect'], 4),
    miscSelectMask: hex(fields['miscselectMask'], 4),
    attributes: hex(fields['attributes'], 16),
    attributesMask: hex(fields['attributesMask'], 16),
    mrSigner: hex(fields['mrsigner'], 32),
    isvProdId: whole(fields['isvprodid']),
    levels: list(fields['tcbLevels'], partLevel),
  }));
}

/** What holds for a processor with parts of these levels: a part that is out of date makes all of it so. */
export function converge(platform: Level, parts: readonly Level<PartStatus>[]): Level {
  const status = parts.reduce((so, part) => withPart[part.status](so), platform.status);
  return { status, advisories: [...new Set([platform, ...parts].flatMap(({ advisories }) => advisories))] };
}

const withPart: Readonly<Record<PartStatus, (status: TcbStatus) => TcbStatus>> = {
  UpToDate: (status) => status,
  OutOfDate(status) {
    if (status === 'UpToDate' || status === 'SWHardeningNeeded') return 'OutOfDate';
    if (status === 'ConfigurationNeeded' || status === 'ConfigurationAndSWHardeningNeeded')
      return 'OutOfDateConfigurationNeeded';
    return status;
  },
  Revoked: () => 'Revoked',
};

function decodeDocument<T>(text: string, version: number, read: (fields: Fields) => T): Decoded<T> {
  try {
    const fields = object(parsed(text));
    if (fields['version'] !== version) throw new TcbFault(`not of version ${version}`);
    return { ok: true, value: read(fields) };
  } catch (error) {
    if (error instanceof TcbFault) return { ok: false, reason: error.message };
    throw error;
  }
}

/** Engines tell differently what is wrong with a text, and replicas agree on reasons. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new TcbFault('not JSON');
  }
}

function dated(fields: Fields): Dated {
  return {
    id: string(fields['id']),
    from: instant(fields['issueDate']),
    until: instant(fields['nextUpdate']),
    evaluation: whole(fields['tcbEvaluationDataNumber']),
  };
}

function signer(fields: Fields): ModuleSigner {
  return {
    mrSigner: hex(fields['mrsigner'], 48),
    attributes: hex(fields['attributes'], 8),
    attributesMask: hex(fields['attributesMask'], 8),
  };
}

function level<Status extends TcbStatus>(fields: Fields, among: readonly Status[]): Level<Status> {
  const status = among.find((one) => one === fields['tcbStatus']);
  if (status === undefined) throw new TcbFault('unknown status');
  const advisories = fields['advisoryIDs'] ?? [];
  if (!Array.isArray(advisories) || advisories.length > 256) throw new TcbFault('not a list of advisories');
  return { status, advisories: advisories.map(string) };
}

function partLevel(fields: Fields): PartLevel {
  return { ...level(fields, partStatuses), isvSvn: whole(object(fields['tcb'])['isvsvn']) };
}

function svns(value: unknown): readonly number[] {
  const all = list(value, (entry) => whole(entry['svn']));
  if (all.length !== 16) throw new TcbFault('not 16 components');
  return all;
}

function object(value: unknown): Fields {
  if (typeof value !== 'object' || value === null) throw new TcbFault('a field is missing');
  return value as Fields;
}

function list<T>(value: unknown, read: (fields: Fields) => T): readonly T[] {
  if (!Array.isArray(value) || value.length > 256) throw new TcbFault('not a list');
  return value.map((entry: unknown) => read(object(entry)));
}

function string(value: unknown): string {
  if (typeof value !== 'string' || value.length > 128) throw new TcbFault('not a text');
  return value;
}

function whole(value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw new TcbFault('not a number');
  return value;
}

function hex(value: unknown, length: number): Uint8Array {
  const bytes = fromHex(string(value).toLowerCase());
  if (bytes?.length !== length) throw new TcbFault('bytes of another length');
  return bytes;
}

function instant(value: unknown): number {
  const text = string(value);
  const ms = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(text) ? instantOf(text.replace(/[-:T]/g, '')) : undefined;
  if (ms === undefined) throw new TcbFault('not a time');
  return ms;
}
